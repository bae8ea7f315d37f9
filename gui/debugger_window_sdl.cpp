// SPDX-License-Identifier: MIT
// The debugger's window by SDL 2. Its thread has all of SDL, ImGui and the panels; the emulation thread only hands over
// results, the guest's picture and keys. A frame is drawn when something has changed, at most ten times a second while the guest runs.
#include "base/error.h"
#include "debugger/commands.h"
#include "debugger/desk.h"
#include "gui/debugger_window.h"
#include "gui/input.h"
#include "gui/stage.h"
#include <SDL.h>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace gui {

namespace {

// While the guest runs it is looked at so often (milliseconds), or more seldom: looks take this part of the emulation's CPU time at most,
// and its picture as much. CPU time: where others have the host's CPUs, the emulation has less of it too.
constexpr u64 between_looks = 100, part_for_looks = 40;
constexpr u64 between_progress = 500, between_pictures_at_rest = 1000;
constexpr int longest_sleep = 1000;
constexpr int least_width = 1024, least_height = 700;

// What both threads have.
struct Shared {
    std::mutex mutex;
    std::condition_variable known;
    debugger::Desk* desk = nullptr;
    bool ready = false, closed = false, grabbed = false;
    std::string complaint;                 // why there is no window
    Frame screen;
    bool screen_is_new = false, runs = false;
    u64 cost = 0;                          // nanoseconds of the emulation's thread that looks have taken since they were last asked for
    u64 worked = 0;                        // that it has taken in all
    std::vector<Result> reports;           // of stops, not yet told
    Input input;
};

void ring() {
    SDL_Event event{};
    event.type = SDL_USEREVENT;
    SDL_PushEvent(&event);
}

std::filesystem::path settings_file() {
    if (const char* config = std::getenv("XDG_CONFIG_HOME"); config && *config) return std::filesystem::path(config) / "slate/window";
    const char* home = std::getenv("HOME");
    return home && *home ? std::filesystem::path(home) / ".config/slate/window" : std::filesystem::path();
}

int code_of(SDL_Keycode sym) {
    struct { SDL_Keycode sym; int code; } static constexpr rows[] = {
        {SDLK_RETURN, Key::enter}, {SDLK_KP_ENTER, Key::enter}, {SDLK_ESCAPE, Key::escape}, {SDLK_TAB, Key::tab}, {SDLK_BACKSPACE, Key::backspace},
        {SDLK_DELETE, Key::remove}, {SDLK_UP, Key::up}, {SDLK_DOWN, Key::down}, {SDLK_LEFT, Key::left}, {SDLK_RIGHT, Key::right},
        {SDLK_PAGEUP, Key::page_up}, {SDLK_PAGEDOWN, Key::page_down}, {SDLK_HOME, Key::home}, {SDLK_END, Key::end}, {SDLK_PAUSE, Key::pause}};
    for (auto& r : rows)
        if (r.sym == sym) return r.code;
    if (sym >= SDLK_F1 && sym <= SDLK_F12) return Key::f(int(sym - SDLK_F1) + 1);
    return sym > 0 && sym < 127 ? int(sym) : 0;
}

// ---- the window's own thread

class Window {
public:
    explicit Window(Shared& shared) : shared(shared), app([this](std::string line, Feed::Done done) { send(std::move(line), std::move(done)); }) {
        app.feed.bell = ring;
        app.pause = [this] {
            if (desk) desk->request_stop();
        };
        load();
    }
    ~Window() {
        save();
        if (window) SDL_DestroyWindow(window);
    }
    void loop();

private:
    void send(std::string line, Feed::Done done);
    bool may_look();
    bool take(const SDL_Event& event);
    void take_key(const SDL_KeyboardEvent& key);
    void take_shared();
    void show();
    int scale_for(int wide, int tall) const;
    void load();
    void save();
    void grab(bool on);

    Shared& shared;
    debugger::Desk* desk = nullptr;
    SDL_Window* window = nullptr;
    Stage stage;
    App app;
    Frame screen;
    std::vector<u32> larger;
    bool dirty = true;
    bool text = false;                     // the last key was one of a line that is typed ...
    bool acts = false;                     // ... or not: a frame takes it before what comes behind it
    u64 looked = 0, due = 0, drawn = 0;    // due: of the emulation's CPU time; 0: not all answers are here
    int scale = 1;                         // dots of the screen for each of ours, across and down
};

u64 now_in_nanoseconds() {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return u64(now.tv_sec) * 1'000'000'000 + u64(now.tv_nsec);
}

// What leaves no trace is done between two slices, and timed.
void Window::send(std::string line, Feed::Done done) {
    std::string_view first = line;
    auto* command = debugger::find_command(first.substr(0, first.find_first_of(" ")));
    if (!command || !command->looks) return desk->post(std::move(line), std::move(done));
    desk->call([&shared = shared, desk = desk, line = std::move(line), done = std::move(done)] {
        u64 from = now_in_nanoseconds();
        Result result = debugger::execute(desk->session, line);
        if (done) done(result);
        u64 cost = now_in_nanoseconds() - from;
        std::lock_guard lock(shared.mutex);
        shared.cost += cost;
    });
}

// All answers to the last looks are here.
bool Window::may_look() {
    std::lock_guard lock(shared.mutex);
    if (!due) due = shared.worked + std::exchange(shared.cost, 0) * part_for_looks;
    return shared.worked >= due && SDL_GetTicks64() >= looked + between_looks;
}

void Window::load() {
    std::ifstream in(settings_file());
    for (std::string name, value; in >> name >> value;) app.set(name, value);
}

void Window::save() {
    auto file = settings_file();
    if (file.empty()) return;
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    std::ofstream(file) << app.saved();
}

void Window::grab(bool on) {
    app.grabbed = on, dirty = true;
    SDL_SetWindowGrab(window, on ? SDL_TRUE : SDL_FALSE);
    std::lock_guard lock(shared.mutex);
    if (!on) shared.input.release_all();
}

void Window::take_key(const SDL_KeyboardEvent& key) {
    bool down = key.type == SDL_KEYDOWN, ctrl = key.keysym.mod & KMOD_CTRL, alt = key.keysym.mod & KMOD_ALT;
    if (down && ctrl && alt && key.keysym.sym == SDLK_g) return grab(!app.grabbed);
    if (app.grabbed) {
        if (key.keysym.scancode == SDL_SCANCODE_UNKNOWN || key.keysym.scancode > 0xe7) return;
        std::lock_guard lock(shared.mutex);
        shared.input.key(u8(key.keysym.scancode), down);
        return;
    }
    int code = down ? code_of(key.keysym.sym) : 0;
    if (!code) return;
    app.key({code, ctrl, bool(key.keysym.mod & KMOD_SHIFT), alt}), dirty = true;
    text = app.takes_text() && !ctrl && !alt;
    acts = !text || code < ' ' || code > '~';
}

// False: closed.
bool Window::take(const SDL_Event& event) {
    switch (event.type) {
    case SDL_QUIT: return false;
    case SDL_KEYDOWN:
    case SDL_KEYUP: return take_key(event.key), true;
    case SDL_TEXTINPUT:
        if (!app.grabbed && text) app.input(event.text.text), dirty = true;
        return true;
    case SDL_MOUSEMOTION: return stage.mouse(float(event.motion.x / scale), float(event.motion.y / scale)), dirty = true;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
        if (event.button.button == SDL_BUTTON_LEFT) stage.button(event.type == SDL_MOUSEBUTTONDOWN);
        return dirty = true;
    case SDL_MOUSEWHEEL: return stage.wheel(float(event.wheel.y)), dirty = true;
    case SDL_WINDOWEVENT:
        if (event.window.event == SDL_WINDOWEVENT_FOCUS_LOST && app.grabbed) grab(false);
        return dirty = true;
    default: return true;
    }
}

void Window::take_shared() {
    std::vector<Result> reports;
    bool runs;
    {
        std::lock_guard lock(shared.mutex);
        reports.swap(shared.reports);
        runs = shared.runs;
        if (runs && app.stands) shared.cost = due = 0;           // those at the stop don't count
        if (shared.screen_is_new) {
            screen = std::move(shared.screen), shared.screen_is_new = false;
            app.guest_screen = {int(screen.width), int(screen.height), nullptr, screen.dots.data()}, dirty = true;
        }
    }
    for (auto& r : reports) app.stopped(r), dirty = true;
    if (runs && app.stands) app.running(), dirty = true;
    if (app.stands || app.feed.waits()) return;
    if (may_look()) looked = SDL_GetTicks64(), due = 0, app.feed.moved(), dirty = true;
}

// By the monitor's dots per inch, in whole multiples; never so large that a screen doesn't fit any more.
int Window::scale_for(int wide, int tall) const {
    float dots = 0;
    if (SDL_GetDisplayDPI(std::max(0, SDL_GetWindowDisplayIndex(window)), nullptr, &dots, nullptr) != 0) return 1;
    constexpr float usual = 96;
    int most = std::max(1, std::min(wide / least_width, tall / least_height));
    return std::clamp(int(dots / usual + .25f), 1, most);
}

void Window::show() {
    SDL_Surface* surface = SDL_GetWindowSurface(window);
    if (!surface) return;
    scale = scale_for(surface->w, surface->h);
    auto& canvas = stage.draw(app, surface->w / scale, surface->h / scale, double(SDL_GetTicks64()) / 1000);
    const u32* dots = canvas.dots.data();
    int wide = canvas.width * scale, tall = canvas.height * scale;
    if (scale > 1) {
        larger.resize(std::size_t(wide) * std::size_t(tall));
        for (int y = 0; y < tall; y++)
            for (int x = 0; x < wide; x++)
                larger[std::size_t(y) * std::size_t(wide) + std::size_t(x)] = dots[std::size_t(y / scale) * std::size_t(canvas.width) + std::size_t(x / scale)];
        dots = larger.data();
    }
    SDL_ConvertPixels(wide, tall, SDL_PIXELFORMAT_RGB888, dots, wide * 4, surface->format->format, surface->pixels, surface->pitch);
    SDL_UpdateWindowSurface(window);
}

void Window::loop() {
    window = SDL_CreateWindow("Slate debugger", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, 1280, 800, SDL_WINDOW_RESIZABLE);
    if (!window) throw Error(std::string("no window: ") + SDL_GetError());
    SDL_SetWindowMinimumSize(window, least_width, least_height);
    {
        std::unique_lock lock(shared.mutex);
        shared.ready = true;
        shared.known.notify_all();
        shared.known.wait(lock, [&] { return shared.desk || shared.closed; });
        desk = shared.desk;
        if (shared.closed) return;
    }
    for (;;) {
        SDL_Event event;
        bool busy = !app.acts.empty();
        int most = app.wants_frame() ? 15 : app.stands && !busy ? longest_sleep : int(between_looks);
        if (!dirty && SDL_WaitEventTimeout(&event, most)) {
            if (!take(event)) return;
            dirty |= event.type == SDL_USEREVENT;
        }
        while (!acts && SDL_PollEvent(&event)) {
            if (!take(event)) return;
            dirty |= event.type == SDL_USEREVENT;
        }
        take_shared();
        {
            std::lock_guard lock(shared.mutex);
            if (shared.closed) return;
        }
        u64 now = SDL_GetTicks64();
        dirty |= busy && now >= drawn + between_progress;
        if (dirty || app.wants_frame()) dirty = acts = false, drawn = now, show();
    }
}

// ---- the emulation thread's side

class Debugger final : public debugger::Face {
public:
    explicit Debugger(Pc& pc) : pc(pc), thread([this] { live(); }) {
        std::unique_lock lock(shared.mutex);
        shared.known.wait(lock, [&] { return shared.ready || shared.closed; });
        if (shared.complaint.empty()) return;
        lock.unlock();
        thread.join();
        throw Error(shared.complaint);
    }
    ~Debugger() override {
        {
            std::lock_guard lock(shared.mutex);
            shared.closed = true;
            shared.known.notify_all();
        }
        ring();
        if (thread.joinable()) thread.join();
    }
    bool poll(debugger::Desk& desk, bool) override;
    void running() override { change([&] { shared.runs = true; }); }
    void stopped(const debugger::Stop&, const Result& report) override { change([&] { shared.runs = false, shared.reports.push_back(report); }); }

private:
    void change(auto&& act) {
        {
            std::lock_guard lock(shared.mutex);
            act();
        }
        ring();
    }
    void live();

    Pc& pc;
    Shared shared;
    Frame screen;                          // as it was last handed over
    u64 looked = 0, due = 0;               // when the guest's picture was last taken; how much has to be worked before the next one
    std::thread thread;
};

void Debugger::live() {
    try {
        SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
        SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
        if (SDL_Init(SDL_INIT_VIDEO) != 0) throw Error(std::string("no display for the debugger's window: ") + SDL_GetError());
        Window(shared).loop();
    } catch (const std::exception& e) {
        std::lock_guard lock(shared.mutex);
        shared.complaint = e.what();
    }
    std::lock_guard lock(shared.mutex);
    shared.closed = true;
    shared.known.notify_all();
    if (shared.desk) shared.desk->post("quit");
}

bool Debugger::poll(debugger::Desk& desk, bool stands) {
    u64 now = SDL_GetTicks64();
    bool look = now >= looked + (stands ? between_pictures_at_rest : between_looks);
    {
        std::lock_guard lock(shared.mutex);
        if (!shared.desk) shared.desk = &desk, shared.known.notify_all();
        if (shared.closed) return desk.session.quits = true, false;
        shared.input.deliver(pc.keyboard);
    }
    if (!look) return true;
    looked = now;
    u64 from = now_in_nanoseconds();
    if (from < due && !stands) {
        std::lock_guard lock(shared.mutex);
        return shared.worked = from, true;
    }
    Frame frame = render(pc.vga.scanout());
    bool fresh = !(frame == screen);
    if (fresh) screen = frame;
    u64 to = now_in_nanoseconds();
    due = to + (to - from) * part_for_looks;
    {
        std::lock_guard lock(shared.mutex);
        shared.worked = to;
        if (fresh) shared.screen = std::move(frame), shared.screen_is_new = true;
    }
    if (fresh) ring();
    return true;
}

}

std::shared_ptr<debugger::Face> open_debugger(Pc& pc) { return std::make_shared<Debugger>(pc); }

}
