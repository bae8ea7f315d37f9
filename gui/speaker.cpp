// SPDX-License-Identifier: MIT
// The speaker's wave, made by SDL's sound thread.
#include "gui/speaker.h"
#include "gui/wave.h"

namespace gui {

Speaker::~Speaker() {
    if (device) SDL_CloseAudioDevice(device);
}

void Speaker::open() {
    tried = true;
    if (SDL_InitSubSystem(SDL_INIT_AUDIO) != 0) return;
    SDL_AudioSpec wanted{};
    wanted.freq = samples_per_second, wanted.format = AUDIO_S16SYS, wanted.channels = 1, wanted.samples = 512;
    wanted.callback = called, wanted.userdata = this;
    device = SDL_OpenAudioDevice(nullptr, 0, &wanted, nullptr, 0);
    if (device) SDL_PauseAudioDevice(device, 0);
}

void Speaker::follow(Pc& pc) {
    step = pc.control_b.speaks() ? step_of(pc.pit.period2()) : 0;
    if (step && !tried) open();
}

void Speaker::called(void* self, u8* bytes, int size) {
    auto& speaker = *static_cast<Speaker*>(self);
    fill({reinterpret_cast<s16*>(bytes), std::size_t(size) / 2}, speaker.phase, speaker.step);
}

}
