// SPDX-License-Identifier: MIT
// Layouts drawn without a display.
#include "gui/layout.h"
#include "base/error.h"
#include "base/file.h"
#include "base/png.h"
#include "debugger/commands.h"
#include "gui/stage.h"
#include <cstdio>
#include <sstream>

namespace gui {

namespace {

struct Layout {
    std::string name;
    int width = 1280, height = 800;
    std::vector<std::pair<std::string, std::string>> settings;
};

// NAME[@WIDTHxHEIGHT][,SETTING=VALUE]...
Layout parse(const std::string& text) {
    Layout out;
    std::istringstream in(text);
    std::getline(in, out.name, ',');
    if (auto at = out.name.find('@'); at != std::string::npos) {
        char end = 0;
        if (std::sscanf(out.name.c_str() + at, "@%dx%d%c", &out.width, &out.height, &end) != 2 || out.width < 1024 || out.width > 7680 || out.height < 700 || out.height > 4320)
            throw Error("--layout: '" + out.name.substr(at + 1) + "' is no size; write 1280x800, at least 1024x700");
        out.name.erase(at);
    }
    for (std::string setting; std::getline(in, setting, ',');) {
        auto equal = setting.find('=');
        out.settings.emplace_back(setting.substr(0, equal), equal == std::string::npos ? "" : setting.substr(equal + 1));
    }
    return out;
}

// Each command as it would be typed in the console; what has changed since the one before is seen in the picture.
void run_commands(debugger::Session& session, App& app, Stage& stage, const Layout& layout, const std::string& path) {
    auto bytes = read_file(path, 1 << 20);
    std::istringstream in(std::string(bytes.begin(), bytes.end()));
    for (std::string line; !session.quits && std::getline(in, line);) {
        if (line.empty() || line[0] == '#') continue;
        auto* command = debugger::find_command(line.substr(0, line.find(' ')));
        bool runs = command && !command->looks;
        if (runs) stage.settle(app, layout.width, layout.height);
        Result result = debugger::execute(session, line);
        app.say(line, result);
        if (runs && !result.failed && first_with(result, "why")) app.stopped(result);
        app.feed.moved();
    }
}

}

int draw_layout(const Options& given) {
    Layout layout = parse(given.layout);
    if (given.screenshots.size() != 1) throw Error("--layout wants --screenshot FILE, once");
    std::string file = given.screenshots[0].file;
    Options options = given;
    options.screenshots.clear();
    Machine machine(options, nullptr);
    machine.start();
    debugger::Session session(machine.board().cpu, [&machine](const debugger::Session::Drive& drive) { return machine.slice(drive); });

    Stage stage;
    App app([&](std::string line, Feed::Done done) { done(debugger::execute(session, line)); });
    if (!app.set("screen", layout.name)) throw Error("--layout: there is no '" + layout.name + "'; run, walk, virtualization and caches are there");
    app.stopped(debugger::stop_report(session, {}));
    if (!options.commands.empty()) run_commands(session, app, stage, layout, options.commands);
    for (auto& [name, value] : layout.settings)
        if (!app.set(name, value)) throw Error("--layout: '" + name + "=" + value + "' is no setting of the window's");
    Frame screen = render(machine.board().vga.scanout());
    app.guest_screen = {int(screen.width), int(screen.height), nullptr, screen.dots.data()};
    auto& canvas = stage.settle(app, layout.width, layout.height);
    write_file(file, png(unsigned(canvas.width), unsigned(canvas.height), canvas.dots));
    return 0;
}

}
