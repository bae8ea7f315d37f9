// SPDX-License-Identifier: MIT
// Questions out, answers in; and fields read.
#include "gui/panels/feed.h"
#include <algorithm>
#include <charconv>

namespace gui {

// ---- fields

static const debugger::Field* field_of(const Line& line, std::string_view name) {
    auto found = std::find_if(line.fields.begin(), line.fields.end(), [&](auto& f) { return f.name == name; });
    return found == line.fields.end() ? nullptr : &*found;
}

std::string_view word(const Line& line, std::string_view field) {
    auto* f = field_of(line, field);
    return f ? std::string_view(f->value) : std::string_view();
}

u64 value(const Line& line, std::string_view field) {
    auto text = word(line, field);
    if (auto colon = text.find(':'); colon != text.npos) text.remove_prefix(colon + 1);
    bool hexadecimal = text.starts_with("0x");
    if (hexadecimal) text.remove_prefix(2);
    u64 number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number, hexadecimal ? 16 : 10);
    return number;
}

bool flag(const Line& line, std::string_view field) { return word(line, field) == "true"; }
bool has(const Line& line, std::string_view field) { return field_of(line, field); }

const Line* find(const Result& result, std::string_view field, std::string_view says) {
    auto found = std::find_if(result.lines.begin(), result.lines.end(), [&](auto& l) { return word(l, field) == says && has(l, field); });
    return found == result.lines.end() ? nullptr : &*found;
}
const Line* first_with(const Result& result, std::string_view field) {
    auto found = std::find_if(result.lines.begin(), result.lines.end(), [&](auto& l) { return has(l, field); });
    return found == result.lines.end() ? nullptr : &*found;
}

// ---- questions

void Feed::send(const std::string& line, Done done) {
    on_their_way++;
    inbox->bell = bell;
    post(line, [box = inbox, line, done = std::move(done)](const Result& result) {
        std::function<void()> ring;
        {
            std::lock_guard lock(box->mutex);
            box->answers.push_back({line, result, done});
            ring = box->bell;
        }
        if (ring) ring();
    });
}

const Result& Feed::look(const std::string& line) {
    static const Result none;
    Known& k = known[line];
    k.used = clock;
    if (!k.coming && k.asked != age) {
        k.asked = age, k.coming = true;
        send(line, {});
    }
    return k.now ? *k.now : none;
}

const Result& Feed::kept(const std::string& line) {
    Known& k = known[line];
    k.used = clock;
    return k.now ? *k.now : look(line);
}

bool Feed::knows(const std::string& line) const {
    auto found = known.find(line);
    return found != known.end() && found->second.now;
}

const Result* Feed::before(const std::string& line) const {
    auto found = known.find(line);
    return found != known.end() && found->second.before ? &*found->second.before : nullptr;
}

void Feed::act(const std::string& line, Done done) {
    send(line, done ? std::move(done) : [](const Result&) {});
}

void Feed::stood() {
    for (auto& [line, k] : known) k.before = k.now;
    moved();
}

void Feed::forget_before() {
    for (auto& [line, k] : known) k.before.reset();
}

// A look that nobody has drawn for a while is forgotten.
bool Feed::take() {
    std::vector<Answer> come;
    {
        std::lock_guard lock(inbox->mutex);
        come.swap(inbox->answers);
    }
    for (auto& a : come) {
        on_their_way--;
        if (a.done) a.done(a.result);
        else if (auto found = known.find(a.line); found != known.end()) found->second.now = std::move(a.result), found->second.coming = false;
    }
    constexpr u64 patience = 600;
    if (++clock % patience == 0) std::erase_if(known, [&](auto& k) { return !k.second.coming && k.second.used + patience < clock; });
    return !come.empty();
}

}
