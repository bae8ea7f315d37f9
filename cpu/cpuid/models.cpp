// SPDX-License-Identifier: MIT
// The list of models, and the --cpu option.
#include "cpu/cpuid/models.h"
#include "base/error.h"

static constexpr const CpuModel* models[] = {&max_intel, &max_amd, &nehalem_ep, &haswell, &icelake, &barcelona, &zen2, &zen3, &zen4};

const CpuModel* find_model(std::string_view name) {
    for (auto* model : models)
        if (model->name == name) return model;
    return nullptr;
}

std::vector<std::string_view> model_names() {
    std::vector<std::string_view> names;
    for (auto* model : models) names.push_back(model->name);
    return names;
}

static std::string_view next_word(std::string_view& rest, char separator) {
    auto word = rest.substr(0, rest.find(separator));
    rest.remove_prefix(word.size() == rest.size() ? word.size() : word.size() + 1);
    return word;
}

static void change_feature(FeatureSet& features, std::string_view word) {
    Feature f = word.size() > 1 ? find_feature(word.substr(1)) : Feature::none;
    if (f == Feature::none || (word[0] != '+' && word[0] != '-'))
        throw Error("--cpu: '" + std::string(word) + "' is no feature to add or remove; write +name or -name, with a name that --list cpus shows");
    if (word[0] == '+') features.add(f);
    else features.remove(f);
}

// What makes no sense without something else goes with it.
static void remove_orphans(FeatureSet& f) {
    static constexpr struct { Feature needs, what; } rows[] = {
        {Feature::apic, Feature::x2apic},      {Feature::apic, Feature::tsc_deadline}, {Feature::tsc, Feature::tsc_deadline},
        {Feature::apic, Feature::arat},        {Feature::fxsr, Feature::sse},          {Feature::sse, Feature::sse2},
        {Feature::sse2, Feature::sse3},        {Feature::sse3, Feature::ssse3},       {Feature::ssse3, Feature::sse4_1},
        {Feature::sse4_1, Feature::sse4_2},    {Feature::sse3, Feature::sse4a},       {Feature::sse2, Feature::aes},
        {Feature::sse2, Feature::pclmulqdq},   {Feature::sse2, Feature::sha},         {Feature::sse2, Feature::gfni},
        {Feature::mmx, Feature::amd3dnow},     {Feature::amd3dnow, Feature::amd3dnowext},
        {Feature::fxsr, Feature::xsave},       {Feature::xsave, Feature::xsaveopt},    {Feature::xsave, Feature::xsavec},
        {Feature::xsave, Feature::xgetbv1},    {Feature::xsave, Feature::xsaves},      {Feature::lm, Feature::la57},
        {Feature::lm, Feature::page1gb},        {Feature::xsave, Feature::avx},         {Feature::sse2, Feature::avx},
        {Feature::avx, Feature::avx2},         {Feature::avx, Feature::fma},          {Feature::avx, Feature::f16c},
        {Feature::avx, Feature::vaes},         {Feature::avx, Feature::vpclmulqdq},   {Feature::aes, Feature::vaes},
        {Feature::pclmulqdq, Feature::vpclmulqdq},
        {Feature::pcid, Feature::invpcid},     {Feature::tsc, Feature::rdtscp},        {Feature::tsc, Feature::tsc_adjust},
        {Feature::svm, Feature::npt},          {Feature::svm, Feature::svm_lock},      {Feature::svm, Feature::nrip_save},
        {Feature::svm, Feature::vmcb_clean},   {Feature::svm, Feature::flushbyasid},   {Feature::svm, Feature::decodeassists},
        {Feature::svm, Feature::pausefilter},  {Feature::svm, Feature::vgif},          {Feature::npt, Feature::v_vmsave_vmload},
        {Feature::pausefilter, Feature::pfthreshold},  {Feature::svm, Feature::skinit},       {Feature::svm, Feature::tsc_scale},
        {Feature::svm, Feature::lbrv},         {Feature::npt, Feature::gmet},         {Feature::svm, Feature::vnmi},
        {Feature::npt, Feature::avic},         {Feature::apic, Feature::avic},
    };
    for (int round = 0; round < 3; round++)
        for (auto& row : rows)
            if (!f.has(row.needs)) f.remove(row.what);
}

CpuSelection parse_cpu(std::string_view text) {
    auto name = next_word(text, ',');
    auto* model = find_model(name);
    if (!model) {
        std::string known;
        for (auto n : model_names()) known += (known.empty() ? "" : ", ") + std::string(n);
        throw Error("--cpu: no model '" + std::string(name) + "'; there are " + known);
    }
    CpuSelection chosen{*model, model->features};
    while (!text.empty()) change_feature(chosen.features, next_word(text, ','));
    chosen.features.remove(model->intel() ? Feature::svm : Feature::vmx);        // a vendor has its own alone
    remove_orphans(chosen.features);
    chosen.model.features = chosen.features;
    return chosen;
}

std::string list_cpus() {
    std::string list;
    for (auto* model : models) {
        list += std::string(model->name) + ": " + std::string(model->text) + "\n";
        list += "  has   ";
        for (auto& row : feature_rows)
            if (model->features.has(row.feature)) list += " " + std::string(row.name);
        list += "\n  lacks " + std::string(model->lacks.empty() ? " nothing" : " ") + std::string(model->lacks) + "\n";
    }
    return list;
}
