// SPDX-License-Identifier: MIT
// slate: options in, exit status out.
#include "base/error.h"
#include "base/log.h"
#include "debugger/face.h"
#include "debugger/faces.h"
#include "gui/debugger_window.h"
#include "gui/layout.h"
#include "gui/window.h"
#include "machine/lists.h"
#include "machine/machine.h"
#include <csignal>
#include <new>

static int run(int argc, char** argv) {
    auto options = parse_options(argc, argv);
    if (!options) return 0;
    if (!options->list.empty()) return print_list(options->list), 0;
    if (!options->layout.empty()) return gui::draw_layout(*options);
    auto window = options->headless || options->gui ? nullptr : gui::open_window();
    Machine machine(*options, window.get());
    if (!options->debugs()) return machine.run();
    return debugger::debug(machine, *options, options->gui ? gui::open_debugger(machine.board()) : nullptr);
}

int main(int argc, char** argv) {
    std::signal(SIGXFSZ, SIG_IGN);        // a file that may not grow is an error of that file
    try {
        return run(argc, argv);
    } catch (const Error& e) {
        log_line(e.what());
        return e.status;
    } catch (const std::bad_alloc&) {
        log_line("the host has no memory left");
        return 4;
    } catch (const std::exception& e) {
        log_line(std::string("internal error: ") + e.what());
        return 4;
    }
}
