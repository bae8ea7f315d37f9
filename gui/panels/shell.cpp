// SPDX-License-Identifier: MIT
// Around the screens: top bar with the stack of levels, tools, status; keys that count everywhere; what happens to the guest.
#include "gui/panels/app.h"
#include <algorithm>
#include <cmath>

namespace gui {

using namespace ui;

namespace {

struct Tool {
    Icon icon;
    const char *name, *key, *line;         // its command
    int code;
    bool shift, stop, separated;
};
constexpr Tool tools[] = {
    // icon          name        key          line                code          shift  stop   separated
    {Icon::play,     "Continue", "F5",        "continue",         Key::f(5),    false, false, true},
    {Icon::over,     "Over",     "F10",       "next",             Key::f(10),   false, false, false},
    {Icon::into,     "Into",     "F11",       "step",             Key::f(11),   false, false, false},
    {Icon::out,      "Out",      "Shift F11", "out",              Key::f(11),   true,  false, true},
    {Icon::exit,     "To exit",  "F8",        "step --vmexit",    Key::f(8),    false, false, false},
    {Icon::entry,    "To entry", "Shift F8",  "step --vmentry",   Key::f(8),    true,  false, true},
    {Icon::pause,    "Pause",    "Pause",     "",                 Key::pause,   false, true,  false},
};
constexpr const char* screen_titles[screens] = {"Run", "Walk", "Virtualization", "Caches", "Machine"};

}

// ---- what happens to the guest

void App::running() { stands = false, again = true; }

void App::stopped(const Result& now) {
    report = now;
    stands = true, again = true;
    feed.stood();
    if (!now.lines.empty() && word(now.lines[0], "kind") == "entry-failure") panels["checks"].tab = 1;      // what failed, and why
    if (auto kept = focused_on.find(screen); kept != focused_on.end()) focus = kept->second;
}

void App::run(const std::string& line, Feed::Done done) {
    focused_on[screen] = focus;
    acts.push_back({line, time, instructions});
    feed.act(line, [this, line, done](const Result& result) {
        auto found = std::find_if(acts.begin(), acts.end(), [&](auto& a) { return a.line == line; });
        if (found != acts.end()) acts.erase(found);
        if (done) done(result);
        else if (result.failed) say(line, result);
        feed.moved(), again = true;
    });
}

void App::say(std::string_view prompt, const Result& result) {
    if (!prompt.empty()) log.push_back({std::string(prompt), "", false});
    constexpr std::size_t most = 2000;
    for (auto& l : result.lines) log.push_back({"", l.text, result.failed});
    if (log.size() > most) log.erase(log.begin(), log.end() - most);
}

void App::walk_address(u64 address) {
    walk.address = fmt("0x%llx", 0ull + address), walk.step = walk.from = 0;
    edits["walk.address"].set(walk.address);
    screen = Screen::walk, again = true;
}
void App::show_memory(const std::string& place) { edits["memory"].set(place), screen = Screen::run, again = true; }
void App::search_memory() {
    screen = Screen::run, focus = wide ? "memory" : "console", full.clear();
    if (!wide) panels["console"].tab = 2;
    editing = "memory.find", edits["memory.find"].at = edits["memory.find"].text.size();
}
void App::compose(const std::string& line) {
    screen = Screen::run, editing.clear(), again = true;
    panels["console"].tab = 0;
    focus = "console";
    edits["console"].set(line);
}
void App::choose_cpu(u64 number) {
    if (!stands) return;
    run(fmt("cpu %llu", 0ull + number), [this](const Result& result) {
        feed.forget_before();
        if (result.failed) say("cpu", result);
    });
}
int App::shown_level() const { return view_level ? view_level : level; }

// What the bars say, from the machine's state.
void App::take_state() {
    auto& state = feed.look("state");
    if (state.lines.empty() || state.failed) return;
    auto& s = state.lines[0];
    level = flag(s, "guest") ? 2 : 1;
    intel_or_amd = std::string(word(s, "virtualization"));
    instructions = value(s, "instructions");
}

// ---- bars

void App::level_stack(Rect r) {
    auto& state = feed.look("state");
    static const Line unknown;
    const Line& s = state.lines.empty() ? unknown : state.lines[0];
    bool user = value(s, "cpl") == 3, amd = word(s, "virtualization") == "svm", ready = flag(s, "operation");
    struct Level {
        const char* tag;
        std::string name, detail;
        bool runs;
    } const levels[] = {
        {"L0", "Slate", "emulator", false},
        {"L1", ready ? "Hypervisor" : "System", ready ? amd ? "SVM host" : "VMX root" : "no guest", level == 1},
        {"L2", "Guest", level == 2 ? fmt("%s", std::string(word(s, "mode")).c_str()) : value(s, "entries") ? "entered before" : "none yet", level == 2},
        {"U", "User", fmt("CPL %llu", 0ull + value(s, "cpl")), user},
    };
    float between = 20, total = 3 * between, widths[4];
    for (int i = 0; i < 4; i++) {
        auto& l = levels[i];
        widths[i] = 34 + width(type.bold, l.name) + (wide ? 6 + width(type.ui, l.detail) : 0) + 12 + (l.runs ? 16 : 0);
        total += widths[i] = std::max(widths[i], 70.f);
    }
    if (total > r.w) return;
    float x = std::round(r.x + (r.w - total) * .5f), cy = r.cy();
    for (int i = 0; i < 4; i++) {
        auto& l = levels[i];
        if (i) {
            list()->AddLine({x + 7, cy - 4}, {x + 11, cy}, ink.faint, 1.5f);
            list()->AddLine({x + 11, cy}, {x + 7, cy + 4}, ink.faint, 1.5f);
            x += between;
        }
        Rect b{x, cy - 15, widths[i], 30};
        if (hit(l.tag, b) && (i == 1 || i == 2)) view_level = i, again = true;
        bool on = i == shown_level();
        fill(b, on ? ink.level_bg[i] : ink.panel, 5);
        frame(b, on ? ink.level[i] : ink.line, 5, on ? 1.5f : 1);
        fill({b.x + 6, b.y + 6, 22, 18}, on ? ink.level[i] : ink.level_bg[i], 3);
        text_centre(b.x + 17, mid(cy, type.small_bold), on ? (ink.dark ? ink.win : ink.panel) : ink.level[i], type.small_bold, l.tag);
        float end = text(b.x + 34, mid(cy, type.bold), on ? ink.text : ink.dim, type.bold, l.name);
        if (wide) text(end + 6, mid(cy, type.ui), on ? ink.dim : ink.faint, type.ui, l.detail);
        if (l.runs) mark(Mark::arrow, b.right() - 13, cy - .5f, ink.now);
        x += widths[i];
    }
}

void App::top_bar(Rect r) {
    fill(r, ink.panel);
    across(r.x, r.bottom() - 1, r.w, ink.line);
    float cy = r.cy(), x = r.x + 98;
    fill({r.x + 14, cy - 9, 18, 18}, ink.accent, 4);              // a slate with two strokes
    fill({r.x + 18, cy - 4, 10, 2}, ink.dark ? ink.win : ink.panel, 1);
    fill({r.x + 18, cy + 1, 6, 2}, ink.dark ? ink.win : ink.panel, 1);
    text(r.x + 40, mid(cy, type.title), ink.text, type.title, "Slate");
    down(x - 6, cy - 10, 20, ink.line);
    for (int i = 0; i < screens; i++) {
        float name = width(type.bold, screen_titles[i]), w = name + 20 + (wide ? keycap_width("Alt 1") + 6 : 0);
        Rect t{x, r.y, w, r.h};
        ImGui::PushID(i);
        if (hit("screen", t)) screen = Screen(i), again = true;
        ImGui::PopID();
        bool on = i == int(screen);
        if (on) fill({t.x + 4, t.bottom() - 3, t.w - 8, 3}, ink.accent, 1);
        float end = text(t.x + 10, mid(cy, type.bold), on ? ink.text : ink.dim, on ? type.bold : type.ui, screen_titles[i]);
        if (wide) keycap(std::max(end, t.x + 10 + name) + 6, cy, fmt("Alt %d", i + 1));
        x += w + 2;
    }
    level_stack({x + 8, r.y, r.right() - x - 8 - 124, r.h});
    float right = r.right() - 14;
    if (hit("theme", {right - 18, cy - 12, 22, 24})) dark = !dark, again = true;
    icon(Icon::theme, right - 8, cy, ink.dim);
    std::string_view word = stands ? "PAUSED" : "RUNNING";
    chip(right - 32 - width(type.capitals, word) - 12, cy, word, stands ? ink.now : ink.ok, stands ? ink.now_bg : ink.ok_bg);
}

void App::tool_bar(Rect r) {
    fill(r, ink.raise);
    across(r.x, r.bottom() - 1, r.w, ink.line);
    float x = r.x + 10, cy = r.cy();
    for (auto& t : tools) {
        bool off = t.stop == stands;
        float w = 26 + (wide ? width(type.ui, t.name) + 8 : 0) + keycap_width(t.key) + 8;
        Rect box{x, cy - 14, w, 28};
        if (hit(t.name, box) && !off) key({t.code, false, t.shift, false});
        if (ImGui::IsItemHovered() && !off) fill(box, ink.hover, 4);
        icon(t.icon, x + 13, cy, off ? ink.faint : t.icon == Icon::play ? ink.ok : ink.text);
        float end = x + 26;
        if (wide) end = text(end, mid(cy, type.ui), off ? ink.faint : ink.text, type.ui, t.name) + 8;
        x = keycap(end, cy, t.key) + 8;
        if (t.separated) down(x + 3, cy - 10, 20, ink.line2), x += 8;
    }
    float w = wide ? 320 : 190;
    Rect p{r.right() - w - 12, cy - 13, w, 26};
    if (hit("palette", p)) palette_open = true, again = true;
    fill(p, ink.dark ? ink.win : ink.panel, 5);
    frame(p, ink.line2, 5);
    icon(Icon::search, p.x + 15, cy, ink.faint);
    text(p.x + 28, mid(cy, type.ui), ink.faint, type.ui, wide ? "Go to address, run a command" : "Go to, run");
    keycap(p.right() - keycap_width("Ctrl P") - 6, cy, "Ctrl P");
    Rect reason{x + 14, r.y, p.x - x - 26, r.h};
    constexpr double at_once = .4;
    if (!acts.empty() && time - acts[0].since > at_once) progress(reason);
    else if (!stands) {
        mark(Mark::dot, reason.x, cy, ink.ok);
        text_fit(reason.x + 12, reason.right(), mid(cy, type.ui), ink.dim, type.ui, "the guest runs");
    } else if (!report.lines.empty()) {
        auto why = word(report.lines[0], "why");
        bool point = why == "breakpoint" || why == "watchpoint";
        mark(Mark::dot, reason.x, cy, point ? ink.bad : ink.now);
        std::string says = report.lines[0].text;
        if (says.starts_with("=> "))                            // address and bytes are seen in the code
            for (int n = 0; n < 3; n++) says.erase(0, std::min(says.find_first_not_of(' ', says.find(' ')), says.size()));
        text_fit(reason.x + 12, reason.right(), mid(cy, type.ui), ink.dim, type.ui, says);
    }
}

// A command that takes its time: how long, how many instructions it has let run, and what ends it; of a step how far it is.
void App::progress(Rect r) {
    auto& act = acts[0];
    float cy = r.cy();
    mark(Mark::dot, r.x, cy, ink.ok);
    u64 done = instructions > act.from ? instructions - act.from : 0, wanted = 0;
    if (act.line.starts_with("step ")) wanted = value(Line().with("n", act.line.substr(act.line.rfind(' ') + 1)), "n");
    std::string says = act.line + fmt(": %.0f s", time - act.since);
    if (!stands) says += wanted ? fmt(", %.0f %%", 100 * std::min(1.0, double(done) / double(wanted))) : ", " + grouped(done) + " instructions";
    text_fit(r.x + 12, r.right(), mid(cy, type.ui), ink.dim, type.ui, says + "    Pause ends it");
    if (wanted) fill({r.x, r.bottom() - 3, r.w * float(std::min(1.0, double(done) / double(wanted))), 2}, ink.ok, 1);
}

void App::status_bar(Rect r) {
    fill(r, ink.panel);
    across(r.x, r.y, r.w, ink.line);
    auto& state = feed.look("state");
    if (state.lines.empty() || state.failed) return;
    auto& s = state.lines[0];
    float cy = r.cy() + .5f, x = r.x + 14;
    auto item = [&](const char* name, const std::string& text_of, ImU32 colour) {
        if (text_of.empty() || x + width(type.ui, name) + width(type.small, text_of) + 6 > r.right() - 14) return;
        x = text(x, mid(cy, type.ui), ink.faint, type.ui, name) + 6;
        x = text(x, mid(cy, type.small), colour, type.small, text_of) + 20;
    };
    auto of = [&](const char* name) { return std::string(word(s, name)); };
    auto bare = [&](const char* name, int digits) { return has(s, name) ? fmt("%0*llx", digits, 0ull + value(s, name)) : std::string(); };
    float from = x;
    u64 cpus = value(s, "cpus"), cpu = value(s, "cpu");
    item("vCPU", of("cpu") + " of " + of("cpus"), ink.dim);
    if (cpus > 1 && hit("cpu", {from - 6, r.y, x - from - 8, r.h})) choose_cpu((cpu + 1) % cpus);
    item("instr", grouped(instructions), ink.text);
    item("time", fmt("%.6f s", double(value(s, "nanoseconds")) / 1e9), ink.dim);
    item("mode", of("mode"), ink.dim);
    item("CPL", of("cpl"), ink.dim);
    item("IF", flag(s, "interrupts") ? "1" : "0", ink.dim);
    item(intel_or_amd == "svm" ? "ASID" : "VPID", bare("vpid", 4), ink.level[2]);
    item("PCID", bare("pcid", 3), ink.level[level]);
    item("CR3", bare("cr3", wide ? 16 : 9), ink.level[level]);
    item(intel_or_amd == "svm" ? "nCR3" : "EPTP", bare("second_stage", wide ? 16 : 9), ink.level[1]);
    if (flag(s, "halted")) item("", "halted", ink.now);
    if (locked) item("layout", "locked", ink.dim);
}

// ---- keys

void App::move_focus(int by) {
    if (last_order.empty()) return;
    auto here = std::find(last_order.begin(), last_order.end(), focus) - last_order.begin();
    int n = int(last_order.size());
    focus = last_order[std::size_t(((int(here) % n) + by + n) % n)];
    editing.clear();
    if (!full.empty()) full = focus;
}

bool App::global_key(Key k) {
    for (auto& t : tools)
        if (k.code == t.code && k.shift == t.shift && !k.alt && !k.ctrl) {
            if (t.stop == stands) return true;
            if (t.stop) pause();
            else run(t.line);
            return true;
        }
    if (k.alt && !k.ctrl && k.code >= '1' && k.code < '1' + screens) return screen = Screen(k.code - '1'), editing.clear(), full.clear(), true;
    if (k.ctrl && !k.alt && (k.code == '1' || k.code == '2')) return view_level = k.code - '0', true;
    if (k.ctrl && k.code == '`') return view_level = 0, true;
    if (k.ctrl && !k.shift && (k.code == Key::page_down || k.code == Key::page_up)) return next_cpu(k.code == Key::page_down ? 1 : -1), true;
    if (k.ctrl && k.code == 'p') return palette_open = !palette_open, palette_at = 0, edits["palette"].set(""), true;
    if (k.ctrl && !k.shift && !k.alt && k.code == 'f') return search_memory(), true;
    if (k.is(Key::f(2))) return dark = !dark, true;
    if (k.code == Key::f(6) && !k.ctrl) return move_focus(k.shift ? -1 : 1), true;
    if (k.is(Key::f(12))) return full = full.empty() ? focus : "", true;
    if (k.ctrl && k.code == Key::tab) {
        int count = std::max(1, int(tabs_of[focus].size()));
        int& tab = panels[focus].tab;
        return tab = (tab + (k.shift ? count - 1 : 1)) % count, editing.clear(), true;
    }
    if (k.ctrl && k.shift && k.code == 'l') return locked = !locked, true;
    if (k.ctrl && k.shift && k.code == 'r') return reset_layout(), true;
    if (k.is(Key::escape) && !stands && editing.empty() && !palette_open && edits["console"].text.empty()) return pause(), true;
    return false;
}

void App::next_cpu(int by) {
    auto& state = feed.look("state");
    u64 cpus = state.lines.empty() ? 1 : value(state.lines[0], "cpus"), cpu = state.lines.empty() ? 0 : value(state.lines[0], "cpu");
    if (cpus > 1) choose_cpu((cpu + cpus + u64(by)) % cpus);
}

// As it came: all that saved() keeps, but for the theme and the screen.
void App::reset_layout() {
    splits.clear(), full.clear(), choices.clear();
    for (auto& [id, p] : panels) p.tab = 0;
}

void App::key(Key k) {
    again = true;
    if (!global_key(k)) keys.push_back(k);
}
void App::input(std::string_view text) { typed += text, again = true; }

// ---- the frame

void App::draw(float w, float h) {
    again = feed.take(), gliding = false;
    take_state();
    use_ink(dark);
    wide = w >= 1600;
    time = ImGui::GetTime();
    order.clear(), places.clear(), tip.reset();
    ImGui::SetNextWindowPos({0, 0});
    ImGui::SetNextWindowSize({w, h});
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, ImVec2(0, 0));
    ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 0.f);
    ImGui::PushStyleColor(ImGuiCol_WindowBg, ink.win);
    constexpr auto bare = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings;
    ImGui::Begin("slate", nullptr, bare | ImGuiWindowFlags_NoBringToFrontOnFocus | ImGuiWindowFlags_NoNav);
    Rect all{0, 0, w, h}, r = all;
    if (palette_open) palette({});                                 // takes its keys before anyone else
    top_bar(cut_top(r, 46));
    tool_bar(cut_top(r, 40));
    status_bar(cut_bottom(r, 26));
    body = r.in(gap);
    static constexpr void (*screens[])(App&, Rect) = {draw_run, draw_walk, draw_virtualization, draw_caches, draw_machine};
    screens[int(screen)](*this, body);
    if (palette_open) palette(all);
    else if (tip) draw_tip(all);
    ImGui::End();
    ImGui::PopStyleColor();
    ImGui::PopStyleVar(2);
    last_order = order;
    if (!keys.empty() || !typed.empty()) again |= !editing.empty();
    if (std::any_of(keys.begin(), keys.end(), [](auto& k) { return k.is(Key::escape); })) full.clear(), explaining = false;
    keys.clear(), typed.clear();
}

}
