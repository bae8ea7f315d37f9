// SPDX-License-Identifier: MIT
// Registers in sums are put in by their values where the level is not the CPU's own.
#include "debugger/at_level.h"
#include "base/error.h"
#include "debugger/expression.h"
#include "debugger/registers.h"
#include "debugger/result.h"
#include <cctype>

namespace debugger {

Viewpoint viewpoint(Session& session) {
    Viewpoint view(session.cpu, session.looking.level);
    view.symbols = &session.symbols;
    return view;
}

std::string symbol_at(const Viewpoint& view, u64 linear) { return view.symbols ? view.symbols->name_of(linear, view.level) : ""; }

static bool begins_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
static bool in_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }

static std::string with_values(const Viewpoint& view, std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at;
        if (text[at] == '$') at++, end = at;
        while (end < text.size() && in_name(text[end])) end++;
        std::string_view word = text.substr(at, end - at);
        auto* r = !word.empty() && begins_name(word[0]) ? find_register(word) : nullptr;
        if (r) {
            auto value = view.value(*r);
            if (!value) throw Error("level " + std::to_string(view.level) + "'s " + std::string(word) + " is saved nowhere: " + view.source + " has none");
            out += hex(*value);
        } else {
            out += word.empty() ? text.substr(at, 1) : word;
        }
        at = word.empty() ? at + 1 : end;
    }
    return out;
}

u64 evaluate_at(const Viewpoint& view, std::string_view text) {
    return view.live ? evaluate(view.cpu, text, view.symbols, view.level) : evaluate(view.cpu, with_values(view, text), view.symbols, view.level);
}

Place place_at(const Viewpoint& view, std::string_view text) {
    Space space = text.starts_with("g:") ? Space::guest_physical : text.starts_with("p:") ? Space::physical : Space::linear;
    if (space != Space::linear) text.remove_prefix(2);
    return {space, evaluate_at(view, text)};
}

std::string place_text(Place p) { return (p.space == Space::guest_physical ? "g:" : p.space == Space::physical ? "p:" : "") + hex(p.address); }

}
