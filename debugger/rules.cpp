// SPDX-License-Identifier: MIT
// Rules as lines.
#include "debugger/rules.h"

namespace debugger {

void add_rule(Result& result, const Rule& r, const std::vector<ReadField>& fields) {
    static constexpr const char* verdicts[] = {"not_applicable", "holds", "broken"};
    std::string about = r.subject.empty() ? "" : " of " + std::string(r.subject);
    const char* mark = r.verdict == virt::Verdict::broken ? "BROKEN " : r.verdict == virt::Verdict::holds ? "holds  " : "-      ";
    result.add(mark + std::string(r.id) + about + " (" + r.section + "): " + std::string(r.text) + (r.verdict == virt::Verdict::broken ? "; else " + r.outcome
        : ""))
        .with("kind", "rule").with("verdict", verdicts[unsigned(r.verdict)]).with("check", r.id).with("group", r.group).with("section", r.section)
        .with("rule", r.text).with("subject", r.subject)
        .with("outcome", r.outcome).count("reads", fields.size());
    for (auto& f : fields)
        result.add("    " + std::string(f.text) + " = " + hex(f.value)).with("kind", "read").with("check", r.id).with("name", f.name).with("text", f.text)
            .address("value", f.value);
}

void add_counts(Result& result, const RuleCounts& c) {
    result.add(format("%u rules broken, %u hold, %u do not apply", c.broken, c.hold, c.not_applicable))
        .with("kind", "summary").count("broken", c.broken).count("hold", c.hold).count("not_applicable", c.not_applicable);
}

}
