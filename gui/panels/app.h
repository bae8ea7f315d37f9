// SPDX-License-Identifier: MIT
// The debugger's window without a window: its state, the keys it takes, and one frame of it as an ImGui draw list. It knows the
// machine only by its feed.
#pragma once
#include "gui/panels/feed.h"
#include "gui/ui/raster.h"
#include "gui/ui/ui.h"
#include <set>

namespace gui {

// A key by its character in lower case, or one of these.
struct Key {
    enum Code { enter = 13, escape = 27, tab = 9, backspace = 8, remove = 127, up = 256, down, left, right, page_up, page_down, home, end, pause, f1 };
    int code = 0;
    bool ctrl = false, shift = false, alt = false;
    bool is(int c) const { return code == c && !ctrl && !shift && !alt; }
    static constexpr int f(int n) { return f1 + n - 1; }
};

struct Edit {
    std::string text;
    std::size_t at = 0;
    void set(std::string s) { text = std::move(s), at = text.size(); }
    void insert(std::string_view s);
    bool key(Key key);                     // true: it was one for a line of text
};

enum class Screen : u8 { run, walk, virtualization, caches, machine };
inline constexpr int screens = 5;

struct Panel {
    int tab = 0, selected = 0;
    float first = 0;                       // the row at the top of its list
    bool follows = false;                  // the list scrolls to the selected row
};

// A panel that is being drawn.
struct Pane {
    std::string id;
    ui::Rect in;
    int tab = 0;
    bool focused = false;
    Panel& state;
};

// What part of a list is to be seen.
struct Rows {
    int from = 0, to = 0;
    ui::Rect at(int n) const { return {in.x, in.y + float(n - from) * height, in.w, height}; }
    ui::Rect in;
    float height = ui::row;
};

class App {
public:
    explicit App(Feed::Post post) : feed(std::move(post)) {}

    void draw(float width, float height);  // between ImGui::NewFrame() and Render()
    void key(Key key);
    void input(std::string_view text);
    void running();                        // the guest was let go on
    void stopped(const Result& report);
    bool wants_frame() const { return again || gliding; }
    bool takes_text() const { return palette_open || !editing.empty() || focus == "console"; }

    // Everything that is kept, by name: "theme", "screen", a split, a panel's tab, the walk's address. False: no such thing.
    bool set(const std::string& name, const std::string& value);
    std::string saved() const;             // "name value" lines

    // ---- for panels
    Pane panel(const std::string& id, ui::Rect r, std::initializer_list<std::string> tabs, std::string_view right = {});
    Rows rows(Pane& pane, ui::Rect r, int count, float height = ui::row);      // scrolls by wheel and keys, and keeps the selected one in view
    // F3, Shift+F3: selects the next row that counts, round about. In front of rows().
    void next_match(const Pane& pane, int count, const std::function<bool(int row)>& counts);
    bool pressed(const Pane& pane, int code, bool ctrl = false, bool shift = false);      // takes the key
    void split_across(const std::string& id, ui::Rect r, float usual, ui::Rect& a, ui::Rect& b, float least_a = 160, float least_b = 160);
    void split_down(const std::string& id, ui::Rect r, float usual, ui::Rect& a, ui::Rect& b, float least_a = 90, float least_b = 90);
    // A field of text: true when Enter has been pressed in it.
    bool field(const std::string& id, ui::Rect r, std::string_view label, std::string_view empty = {});
    float choice(const std::string& id, float x, float cy, std::initializer_list<std::string_view> options, int& selected);
    float toggle(const std::string& id, float x, float cy, std::string_view label, bool& on);
    bool button(const std::string& id, ui::Rect r, std::string_view label);
    int shown_level() const;               // 1 or 2
    std::string at_level(std::string line) const { return view_level && view_level != level ? line + " @l" + std::to_string(view_level) : line; }
    void run(const std::string& line, Feed::Done done = {});        // a command that may let the guest run
    // For what takes long to tell: asked again only when the guest stands.
    const Result& look_at_rest(const std::string& line) { return stands ? feed.look(line) : feed.kept(line); }
    // What a row's bits mean, one by one, where the pointer is on it, or it is selected and D has been pressed. The line is a command
    // that lists them, of what the title begins with; the words are shown where it lists none.
    void explain(const Pane& pane, ui::Rect row, bool selected, std::string_view title, std::string line, std::string words);
    void compose(const std::string& line);                          // to be finished in the console
    void choose_cpu(u64 number);
    std::string described() const;                                  // a line for each panel in the frame: its name, and its tabs
    ui::Rect place_of(const std::string& panel) const;              // in the frame; empty: it isn't on the screen
    void show_screen(Screen s) { screen = s; }
    void walk_address(u64 address);        // shows its walk
    void show_memory(const std::string& place);
    void search_memory();                  // asks for what
    void say(std::string_view prompt, const Result& result);        // in the console

    std::function<void()> pause = [] {};   // asks a running guest to stop

    Feed feed;
    Screen screen = Screen::run;
    bool dark = true, wide = true, stands = true, locked = false;
    int level = 1, view_level = 0;         // where the processor is; the one looked at, 0: the same
    std::string intel_or_amd;              // "vmx", "svm" or nothing
    Result report;                         // of the last stop
    std::map<std::string, Panel> panels;
    std::map<std::string, float> splits;
    std::map<std::string, Edit> edits;
    std::map<std::string, int> choices;
    std::string editing;                   // the field that has the keys
    std::vector<Key> keys;                 // not yet taken
    std::string typed;
    ui::Texture guest_screen;
    bool gliding = false, again = false;
    bool grabbed = false;                  // keys go to the guest

    struct Said {
        std::string prompt, text;
        bool bad;
    };
    std::vector<Said> log;
    struct Act {                           // a command that hasn't answered yet
        std::string line;
        double since = 0;
        u64 from = 0;                      // instructions then
    };
    std::vector<Act> acts;

    struct WalkView {
        std::string address = "", access = "r", mode = "";
        int step = 0, from = 0, selected = 0;
        double moved = -1;
    } walk;
    struct FoundInMemory {
        std::string place;                 // as the field of the address has it
        u64 address = 0, length = 0;
        std::string says;                  // why nothing was found
    } found;
    double time = 0;                       // seconds, for what glides

private:
    void top_bar(ui::Rect r);
    void level_stack(ui::Rect r);
    void tool_bar(ui::Rect r);
    void status_bar(ui::Rect r);
    void progress(ui::Rect r);
    void draw_tip(ui::Rect all);
    void palette(ui::Rect all);
    bool global_key(Key key);
    bool select_in(const std::string& text);
    void reset_layout();
    void next_cpu(int by);
    void move_focus(int by);
    void take_state();

    std::vector<std::string> order, last_order;          // panels in the frame
    std::map<std::string, std::vector<std::string>> tabs_of;
    std::map<std::string, ui::Rect> places;              // of panels in the frame
    struct Tip {
        ui::Rect at;
        std::string title, line, words;
    };
    std::optional<Tip> tip;
    bool explaining = false;               // the selected row, without the pointer
    std::string focus, full;               // the panel that has the keys; that fills the screen
    std::map<Screen, std::string> focused_on;
    bool palette_open = false;
    int palette_at = 0;
    u64 instructions = 0;
    ui::Rect body;
    friend struct Shell;
};

void draw_run(App& app, ui::Rect body);
void draw_walk(App& app, ui::Rect body);
void draw_virtualization(App& app, ui::Rect body);
void draw_caches(App& app, ui::Rect body);
void draw_machine(App& app, ui::Rect body);

}
