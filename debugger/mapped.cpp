// SPDX-License-Identifier: MIT
// Ranges by walks that change nothing: a page at a time where one is, by whole tables' reach where none is.
#include "debugger/mapped.h"
#include "cpu/cpuid/model.h"
#include "debugger/walk_report.h"
#include "memory/memory_type.h"
#include <algorithm>

namespace debugger {

using paging::Stage, paging::Translation;

namespace {

constexpr unsigned walks_at_most = 200'000;

// What a look at one address finds: a translation, or how far nothing can be.
struct Found {
    std::optional<Translation> translation;
    u64 reach = 4096;                        // bytes of the aligned piece around it that are alike
};

u64 low_of(const paging::Step& s) {
    if (s.format == paging::Bits32::name) return s.level == 1 ? 12 : 22;
    return 12 + 9 * unsigned(s.level - 1);
}

Found find(const Viewpoint& view, Place at) {
    Found out;
    QuietTables tables{view.cpu};
    for (auto kind : {paging::Kind::read, paging::Kind::execute}) {          // EPT has pages that can only be executed
        paging::Access access{kind, paging::Privilege::implicit, false, kind == paging::Kind::read ? paging::Purpose::data : paging::Purpose::code};
        u64 first = bit(view.long_mode() ? 57 : 32), second = first;
        auto see = [&](const paging::Step& s) { (s.stage == Stage::first ? first : second) = bit(unsigned(low_of(s))); };
        auto done = at.space == Space::linear ? paging::walk(view.regime, LinearAddress(at.address), access, tables, see)
                                              : paging::walk_guest_physical(view.regime, GuestPhysical(at.address), access, tables, see);
        if (auto* t = done.translation()) return {*t, t->size()};
        // The second stage's refusal of the page itself reaches as far as the smaller of both.
        auto* fault = done.fault();
        bool of_page = fault->stage == Stage::second && at.space == Space::linear;
        u64 reach = fault->stage == Stage::first ? first : of_page ? std::min(first, second) : second;
        out.reach = kind == paging::Kind::read ? reach : std::min(out.reach, reach);
    }
    return out;
}

struct Range {
    u64 from = 0, bytes = 0;
    Translation t;
    u64 smallest = 0, largest = 0;           // pages
};

const char* type_text(paging::MemoryType type) {
    constexpr const char* names[] = {"UC", "WC", "?", "?", "WT", "WP", "WB", "UC-"};
    return names[unsigned(type) & 7];
}

// By PAT and EPT; the memory type range registers may make it another.
std::string type_of(const Viewpoint& view, const Translation& t) {
    std::string out = t.caching.pat == paging::Caching::no_paging ? "" : std::string("PAT ") + type_text(paging::pat_type(view.cpu.msr.pat, t.caching.pat));
    if (t.caching.nesting == paging::Nesting::ept)
        out += std::string(out.empty() ? "" : ", ") + "EPT " + type_text(paging::MemoryType(t.caching.second)) + (t.caching.ignore_pat ? " ignoring PAT" : "");
    return out;
}

std::string size_text(u64 bytes) {
    return bytes >> 30 && !(bytes & mask(29, 0)) ? format("%llu GiB", 0ull + (bytes >> 30)) : !(bytes & mask(19, 0)) ? format("%llu MiB", 0ull + (bytes >> 20))
        : format("%llu KiB", 0ull + (bytes >> 10));
}

bool continues(const Range& r, u64 at, const Translation& t) {
    return r.bytes && r.from + r.bytes == at && r.t.physical.value + r.bytes == t.physical.value && r.t.guest.value + r.bytes == t.guest.value &&
        r.t.rights == t.rights &&
           r.t.global == t.global && r.t.caching == t.caching;
}

void add(Result& result, const Viewpoint& view, const Range& r, Space space) {
    bool nested = view.nested(), linear = space == Space::linear;
    std::string rights = linear ? rights_text(r.t.rights, Stage::first) : "", second = nested ? rights_text(r.t.rights, Stage::second) : "",
        type = type_of(view, r.t);
    std::string guest = nested && linear ? format("GPA %012llx ", 0ull + r.t.guest.value) : "";
    std::string pages = size_text(r.smallest) + (r.largest == r.smallest ? "" : " to " + size_text(r.largest));
    result.add(format("%016llx %-9s -> %sPA %012llx  %s%s%s, pages of %s%s%s", 0ull + r.from, size_text(r.bytes).c_str(), guest.c_str(), 0ull +
        r.t.physical.value, rights.c_str(),
                      linear && nested ? "; " : "", second.c_str(), pages.c_str(), r.t.global ? ", global" : "", type.empty() ? "" : (", " + type).c_str()))
        .with("kind", "range").address("from", r.from).address("bytes", r.bytes).address("guest_physical", r.t.guest.value)
        .address("physical", r.t.physical.value)
        .with("rights_first", rights).with("rights_second", second).count("smallest_page", r.smallest).count("largest_page", r.largest)
        .flag("global", r.t.global).with("type", type);
}

}

Result map_report(const Viewpoint& view, Place from, u64 last, unsigned most) {
    Result result;
    Range range;
    u64 at = from.address & ~u64{0xfff}, mapped = 0;
    unsigned walks = 0;
    bool more = false, linear = from.space == Space::linear, long_linear = linear && view.long_mode();
    for (bool end = false; !end;) {
        u64 reach = 4096;
        if (long_linear && !view.canonical(at)) at = ~mask(view.linear_width() - 2, 0);      // from one half to the other
        if (at > last) break;
        if (++walks > walks_at_most || result.lines.size() >= most) {
            more = true;
            break;
        }
        auto found = find(view, {from.space, at});
        reach = found.reach - (at & (found.reach - 1));
        if (auto& t = found.translation; t && continues(range, at, *t)) {
            range.bytes += reach, range.smallest = std::min(range.smallest, t->size()), range.largest = std::max(range.largest, t->size());
        } else {
            if (range.bytes) add(result, view, range, from.space), mapped += range.bytes;
            range = {};
            if (t) range = {at, reach, *t, t->size(), t->size()};
        }
        end = last - at < reach;
        at += reach;
    }
    if (range.bytes && !more) add(result, view, range, from.space), mapped += range.bytes;
    else if (range.bytes) at = range.from;
    if (more) result.add("more from " + hex(at) + " on: map " + std::string(linear ? "" : "g:") + hex(at)).with("kind", "more").address("from", at);
    std::string what = size_text(mapped) + " mapped in " + std::to_string(result.lines.size() - more) + " ranges";
    result.add(what).with("kind", "summary").address("bytes", mapped).count("ranges", result.lines.size() - more).count("level", view.level)
        .with("source", view.source);
    return result;
}

}
