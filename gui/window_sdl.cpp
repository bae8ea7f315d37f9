// SPDX-License-Identifier: MIT
// The window, by SDL 2.
#include "gui/window.h"
#include "base/log.h"
#include "gui/input.h"
#include "gui/scale.h"
#include "gui/speaker.h"
#include <SDL.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace gui {

namespace {

// Host times in milliseconds.
constexpr u64 between_looks = 4, between_frames = 16, between_measurements = 1000;

class Window final : public Front {
public:
    Window();
    ~Window() override;
    bool turn(Pc&) override;
    void wait(std::chrono::milliseconds most) override { SDL_WaitEventTimeout(nullptr, int(most.count())); }
    bool is_open() const { return renderer; }

private:
    void take(const SDL_Event&);
    void take_key(const SDL_KeyboardEvent&);
    void take_mouse(const SDL_Event&);
    bool command(u8 usage);
    void take_window(const SDL_WindowEvent&);
    void capture(bool on);
    void draw(const Scanout&);
    void show(Frame&&);
    void fit(const Frame&);
    void measure(Pc&, u64 now);
    void put_title(Pc&);

    SDL_Window* window = nullptr;
    SDL_Renderer* renderer = nullptr;
    SDL_Texture* texture = nullptr;
    Input input;
    Speaker speaker;
    Frame shown;
    Scaling scaling = Scaling::true_shape;
    Size given;                            // the size that we gave the window; another is the user's
    bool captured = false, full_screen = false, stale = true, title_stale = true, closed = false;
    u64 next_look = 0, next_frame = 0, measured = 0, retired = 0;
    double mips = 0;
};

Window::Window() {
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    given = {720, 540};
    if (SDL_Init(SDL_INIT_VIDEO) == 0)
        window = SDL_CreateWindow("Slate", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED,
                                  given.width, given.height, SDL_WINDOW_RESIZABLE);
    if (window) renderer = SDL_CreateRenderer(window, -1, 0);
    if (!renderer) log_line(std::string("no window: ") + SDL_GetError());
}

Window::~Window() {
    if (texture) SDL_DestroyTexture(texture);
    if (renderer) SDL_DestroyRenderer(renderer);
    if (window) SDL_DestroyWindow(window);
}

bool Window::turn(Pc& pc) {
    speaker.follow(pc);
    u64 now = SDL_GetTicks64();
    if (now < next_look) return !closed;
    next_look = now + between_looks;
    for (SDL_Event event; SDL_PollEvent(&event);) take(event);
    input.deliver(pc.keyboard);
    if (now >= measured + between_measurements) measure(pc, now);
    if (title_stale) put_title(pc);
    if (now < next_frame) return !closed;
    draw(pc.vga.scanout());
    u64 spent = SDL_GetTicks64() - now;
    next_frame = now + spent + std::max(between_frames, spent * 9);      // a tenth of our time at most
    return !closed;
}

// ---- input

void Window::take(const SDL_Event& event) {
    switch (event.type) {
    case SDL_QUIT: closed = true; return;
    case SDL_WINDOWEVENT: return take_window(event.window);
    case SDL_KEYDOWN:
    case SDL_KEYUP: return take_key(event.key);
    default: break;
    }
    if (captured) take_mouse(event);
    else if (event.type == SDL_MOUSEBUTTONDOWN) capture(true);
}

void Window::take_mouse(const SDL_Event& event) {
    switch (event.type) {
    case SDL_MOUSEMOTION: return input.move(event.motion.xrel, event.motion.yrel);
    case SDL_MOUSEWHEEL: return input.turn_wheel(event.wheel.y);
    case SDL_MOUSEBUTTONDOWN: return input.button(event.button.button, true);
    case SDL_MOUSEBUTTONUP: return input.button(event.button.button, false);
    default: return;
    }
}

// With Ctrl+Alt a few keys are ours; the guest sees Ctrl and Alt pressed and released.
void Window::take_key(const SDL_KeyboardEvent& key) {
    bool down = key.type == SDL_KEYDOWN;
    if (key.keysym.scancode == SDL_SCANCODE_UNKNOWN || key.keysym.scancode > 0xe7) return;
    u8 usage = u8(key.keysym.scancode);
    bool both = (key.keysym.mod & KMOD_CTRL) && (key.keysym.mod & KMOD_ALT);
    if (down && both && command(usage)) return;
    if (down || input.is_held(usage)) input.key(usage, down);
}

bool Window::command(u8 usage) {
    switch (usage) {
    case SDL_SCANCODE_G: capture(!captured); return true;
    case SDL_SCANCODE_F:
        full_screen = !full_screen;
        SDL_SetWindowFullscreen(window, full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
        return stale = true;
    case SDL_SCANCODE_S:
        scaling = scaling == Scaling::true_shape ? Scaling::whole_dots : Scaling::true_shape;
        return stale = true;
    default: return false;
    }
}

void Window::take_window(const SDL_WindowEvent& event) {
    if (event.event == SDL_WINDOWEVENT_FOCUS_LOST) input.release_all(), capture(false);
    if (event.event == SDL_WINDOWEVENT_EXPOSED) stale = true;
    if (event.event == SDL_WINDOWEVENT_SIZE_CHANGED) stale = true;
}

void Window::capture(bool on) {
    captured = on;
    SDL_SetRelativeMouseMode(on ? SDL_TRUE : SDL_FALSE);
    title_stale = true;
}

// ---- display

void Window::draw(const Scanout& display) {
    Frame frame = render(display);
    if (!stale && frame == shown) return;
    bool resized = frame.width != shown.width || frame.height != shown.height;
    if (resized) fit(frame);
    show(std::move(frame));
}

// A window that still has the size that we gave it follows the picture's.
void Window::fit(const Frame& frame) {
    if (texture) SDL_DestroyTexture(texture);
    texture = SDL_CreateTexture(renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                int(frame.width), int(frame.height));
    Size now;
    SDL_GetWindowSize(window, &now.width, &now.height);
    if (full_screen || now.width != given.width || now.height != given.height) return;
    given = natural_size(frame.width, frame.height, frame.square_dots);
    SDL_SetWindowSize(window, given.width, given.height);
    SDL_GetWindowSize(window, &given.width, &given.height);
}

void Window::show(Frame&& frame) {
    shown = std::move(frame);
    stale = false;
    Size size;
    SDL_GetRendererOutputSize(renderer, &size.width, &size.height);
    Place at = place(shown, size, scaling);
    SDL_Rect to{at.x, at.y, at.width, at.height};
    SDL_UpdateTexture(texture, nullptr, shown.dots.data(), int(shown.width * 4));
    bool sharp = scaling == Scaling::whole_dots;
    SDL_SetTextureScaleMode(texture, sharp ? SDL_ScaleModeNearest : SDL_ScaleModeLinear);
    SDL_RenderClear(renderer);
    SDL_RenderCopy(renderer, texture, nullptr, &to);
    SDL_RenderPresent(renderer);
}

void Window::measure(Pc& pc, u64 now) {
    mips = double(pc.retired() - retired) / 1000 / double(now - measured);
    measured = now, retired = pc.retired();
    title_stale = true;
}

void Window::put_title(Pc& pc) {
    const char* state = pc.waiting() ? "waiting" : "running";
    const char* keys = captured ? "Ctrl+Alt+G releases the mouse"
                                : "click captures the mouse, Ctrl+Alt+F full screen, Ctrl+Alt+S scaling";
    char text[160];
    std::snprintf(text, sizeof text, "Slate - %s, %.0f MIPS - %s", state, mips, keys);
    SDL_SetWindowTitle(window, text);
    title_stale = false;
}

bool host_has_display() {
    constexpr const char* names[] = {"DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"};
    return std::ranges::any_of(names, [](const char* name) { return std::getenv(name); });
}

}  // namespace

std::unique_ptr<Front> open_window() {
    if (!host_has_display()) return nullptr;
    auto window = std::make_unique<Window>();
    if (!window->is_open()) return nullptr;
    return window;
}

}
