// SPDX-License-Identifier: MIT
// Layouts drawn without a display.
#include "gui/layout.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/png.h"
#include "debugger/commands.h"
#include "debugger/faces.h"
#include "gui/stage.h"
#include <cstdio>
#include <sstream>

namespace gui {

namespace {

struct Layout {
    std::string name;
    int width = 1280, height = 800;
    std::string crop;                      // the panel that the picture is of; empty: all
    std::string words;                     // a file for all text that is drawn; empty: none
    std::vector<std::pair<std::string, std::string>> settings;
};

// NAME[@WIDTHxHEIGHT][,SETTING=VALUE]...
Layout parse(const std::string& text) {
    Layout out;
    std::istringstream in(text);
    std::getline(in, out.name, ',');
    if (auto at = out.name.find('@'); at != std::string::npos) {
        char end = 0;
        if (std::sscanf(out.name.c_str() + at, "@%dx%d%c", &out.width, &out.height, &end) != 2 || out.width < 1024 || out.width > 7680 ||
            out.height < 700 || out.height > 4320)
            throw Error("--layout: '" + out.name.substr(at + 1) + "' is no size; write 1280x800, at least 1024x700");
        out.name.erase(at);
    }
    for (std::string setting; std::getline(in, setting, ',');) {
        auto equal = setting.find('=');
        std::string name = setting.substr(0, equal), value = equal == std::string::npos ? "" : setting.substr(equal + 1);
        if (name == "crop") out.crop = value;
        else if (name == "words") out.words = value;
        else out.settings.emplace_back(name, value);
    }
    return out;
}

void write_picture(const std::string& file, const ui::Canvas& canvas, ui::Rect part) {
    if (part.w < 1) throw Error("--layout: crop= names no panel that is on the screen");
    std::vector<u32> dots;
    auto left = std::size_t(part.x), wide = std::size_t(part.w);
    for (auto y = std::size_t(part.y); y < std::size_t(part.y) + std::size_t(part.h); y++) {
        auto line = canvas.dots.begin() + std::ptrdiff_t(y * std::size_t(canvas.width) + left);
        dots.insert(dots.end(), line, line + std::ptrdiff_t(wide));
    }
    write_file(file, png(unsigned(wide), unsigned(dots.size() / wide), dots));
}

// The panels on the screen, and all text as it is drawn, a piece a line.
void write_words(const std::string& file, App& app, Stage& stage, const Layout& layout) {
    std::vector<ui::Drawn> all;
    ui::drawn = &all;
    stage.settle(app, layout.width, layout.height);
    ui::drawn = nullptr;
    std::string out = app.described();
    for (auto& d : all) out += d.what + "\n";
    write_file(file, std::vector<u8>(out.begin(), out.end()));
}

class Drawer {
public:
    Drawer(Machine& machine, debugger::Session& session)
        : machine(machine), session(session), app([&session](std::string line, Feed::Done done) { done(debugger::execute(session, line)); }) {
        app.stopped(debugger::stop_report(session, {}));
    }
    void begin(const Layout& layout);
    void run(const std::string& path);
    void draw(const Layout& layout, const std::string& file);

private:
    void picture(const std::string& words);
    void set(const Layout& layout);

    Machine& machine;
    debugger::Session& session;
    Stage stage;
    App app;
    int width = 1280, height = 800;
};

void Drawer::begin(const Layout& layout) {
    width = layout.width, height = layout.height;
    if (!app.set("screen", layout.name)) throw Error("--layout: there is no '" + layout.name + "'; run, walk, virtualization, caches and machine are there");
}

// "FILE LAYOUT": a picture on the way, which a line "picture ..." of the commands asks for.
void Drawer::picture(const std::string& words) {
    auto blank = words.find(' ');
    if (blank == words.npos) throw Error("picture wants FILE LAYOUT, not '" + Error::one_line(words) + "'");
    Layout layout = parse(words.substr(blank + 1));
    begin(layout), draw(layout, words.substr(0, blank));
}

// Each command as it would be typed in the console; what has changed since the one before is seen in the picture. What is said goes to
// standard output, too.
void Drawer::run(const std::string& path) {
    auto bytes = read_file(path, 1 << 20);
    std::istringstream in(std::string(bytes.begin(), bytes.end()));
    for (std::string line; !session.quits && std::getline(in, line);) {
        if (line.empty() || line[0] == '#') continue;
        if (line.starts_with("picture ")) {
            picture(line.substr(8));
            continue;
        }
        auto* command = debugger::find_command(line.substr(0, line.find(' ')));
        bool runs = command && !command->looks;
        if (runs) stage.settle(app, width, height);
        Result result = debugger::execute(session, line);
        std::printf("(slate) %s\n%s", line.c_str(), result.text().c_str());
        app.say(line, result);
        if (runs && !result.failed && first_with(result, "why")) app.stopped(result);
        app.feed.moved();
    }
}

void Drawer::set(const Layout& layout) {
    for (auto& [name, value] : layout.settings)
        if (!app.set(name, value)) throw Error("--layout: '" + name + "=" + value + "' is no setting of the window's");
}

// Twice: only a panel that is there can have the focus, and on another screen none of this one's was.
void Drawer::draw(const Layout& layout, const std::string& file) {
    set(layout);
    stage.settle(app, layout.width, layout.height);
    set(layout);
    Frame screen = render(machine.board().vga.scanout());
    app.guest_screen = {int(screen.width), int(screen.height), nullptr, screen.dots.data()};
    auto& canvas = stage.settle(app, layout.width, layout.height);
    if (!layout.words.empty()) write_words(layout.words, app, stage, layout);
    write_picture(file, canvas, layout.crop.empty() ? ui::Rect{0, 0, float(canvas.width), float(canvas.height)} : app.place_of(layout.crop));
}

}

int draw_layout(const Options& given) {
    Layout layout = parse(given.layout);
    if (given.screenshots.size() != 1) throw Error("--layout wants --screenshot FILE, once");
    Options options = given;
    options.screenshots.clear();
    Machine machine(options, nullptr);
    machine.start();
    debugger::Session session = debugger::session_of(machine);
    debugger::equip(session, machine);
    Drawer drawer(machine, session);
    drawer.begin(layout);
    if (!options.commands.empty()) drawer.run(options.commands);
    drawer.begin(layout), drawer.draw(layout, given.screenshots[0].file);
    return 0;
}

}
