// SPDX-License-Identifier: MIT
// What a user sits before: a window, where there is one. It is handed to the machine from above.
#pragma once
#include "machine/pc.h"

class Front {
public:
    virtual ~Front() = default;
    // Shows the machine, and brings it keys and the mouse. Called about once per millisecond of the machine's time.
    // False when the user has closed it.
    virtual bool turn(Pc&) = 0;
    virtual void wait(unsigned milliseconds) = 0;         // the guest is idle: at most so long, until there is input
};
