// SPDX-License-Identifier: MIT
// The PC's speaker on the host's sound device: a square wave of the period that the 8254's counter 2 has just now. What
// programs play by moving the speaker themselves is not heard.
#pragma once
#include "machine/pc.h"
#include <SDL.h>
#include <atomic>

namespace gui {

class Speaker {
public:
    ~Speaker();
    void follow(Pc&);                      // the sound device is opened at the first tone

private:
    static constexpr int rate = 48000;     // samples per second
    static void fill(void* self, u8* bytes, int size);
    void open();

    SDL_AudioDeviceID device = 0;
    bool tried = false;
    std::atomic<u32> step = 0;             // of the phase per sample; 0: silence
    u32 phase = 0;                         // a period is 2^32; the sound thread's
};

}
