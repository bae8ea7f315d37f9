// SPDX-License-Identifier: MIT
// What a user sits before: a window, where there is one. It is handed to the machine from above.
#pragma once
#include "machine/pc.h"
#include <chrono>

class Front {
public:
    virtual ~Front() = default;
    // Shows the machine, and brings it keys and the mouse. Called about once per millisecond of the machine's time.
    // False when the user has closed it.
    virtual bool turn(Pc&) = 0;
    virtual void wait(std::chrono::milliseconds most) = 0;       // until there is input
};
