// SPDX-License-Identifier: MIT
// The speaker's wave, made by SDL's sound thread.
#include "gui/speaker.h"

namespace gui {

static constexpr s16 loudness = 3000;

Speaker::~Speaker() {
    if (device) SDL_CloseAudioDevice(device);
}

void Speaker::open() {
    tried = true;
    if (SDL_InitSubSystem(SDL_INIT_AUDIO) != 0) return;
    SDL_AudioSpec wanted{};
    wanted.freq = rate, wanted.format = AUDIO_S16SYS, wanted.channels = 1, wanted.samples = 512;
    wanted.callback = fill, wanted.userdata = this;
    device = SDL_OpenAudioDevice(nullptr, 0, &wanted, nullptr, 0);
    if (device) SDL_PauseAudioDevice(device, 0);
}

void Speaker::follow(Pc& pc) {
    u64 period = pc.control_b.speaks() ? pc.pit.period2() : 0;
    bool audible = period >= 2 * Pit::hertz / rate;       // others are ways to keep it still
    step = audible ? u32((Pit::hertz << 32) / (period * rate)) : 0;
    if (audible && !tried) open();
}

void Speaker::fill(void* self, u8* bytes, int size) {
    auto& speaker = *static_cast<Speaker*>(self);
    auto* samples = reinterpret_cast<s16*>(bytes);
    u32 step = speaker.step;
    for (int n = 0; n < size / 2; n++) {
        samples[n] = step == 0 ? s16(0) : speaker.phase >> 31 ? loudness : s16(-loudness);
        speaker.phase += step;
    }
}

}
