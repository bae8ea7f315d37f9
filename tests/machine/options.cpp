// SPDX-License-Identifier: MIT
// The command line and the configuration file, by what man/slate.1 says of them.
#include "machine/options.h"
#include "base/error.h"
#include "tests/bios/support.h"
#include <gtest/gtest.h>

namespace {
std::optional<Options> parsed(std::vector<std::string> words) {
    std::vector<const char*> argv{"slate"};
    for (auto& word : words) argv.push_back(word.c_str());
    return parse_options(int(argv.size()), argv.data());
}

// The line of the refusal, with its status; empty when the words are accepted.
std::string refusal(std::vector<std::string> words) {
    try {
        parsed(words);
    } catch (const Error& e) {
        EXPECT_EQ(e.status, 2);
        return e.what();
    }
    return "";
}
bool says(const std::string& line, const std::string& what) { return line.find(what) != line.npos; }

test::Directory directory;
std::string config(const std::string& text) { return "--config=" + directory.file("config", Bytes(text.begin(), text.end())); }
}  // namespace

TEST(Options, SizesAreNumbersWithAUnit) {
    EXPECT_EQ(parse_size("512M"), 536870912u);
    EXPECT_EQ(parse_size("1G"), 1073741824u);
    EXPECT_EQ(parse_size("65536K"), 67108864u);
    EXPECT_EQ(parse_size("17"), 17u);
    EXPECT_EQ(parse_size("17179869183G"), 0xffffffffc0000000u);           // 2^34 - 1 of them
    for (auto text : {"", "M", "1T", "1MB", "-1", " 1", "1 M", "17179869184G", "99999999999999999999"})
        EXPECT_THROW(parse_size(text), Error) << text;
}

TEST(Options, WhatIsNotSaidHasItsDefault) {
    auto o = parsed({"--kernel", "k"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->kernel, "k");
    EXPECT_EQ(o->memory, 1073741824u);
    EXPECT_EQ(o->cpu, "max-intel");
    EXPECT_EQ(o->ips, 1000000000u);
    EXPECT_EQ(o->rtc, 1767225600);                    // 2026-01-01 00:00:00 UTC
    EXPECT_EQ(o->serial, std::vector<std::string>{"stdio"});
    EXPECT_FALSE(o->no_reboot);
    EXPECT_FALSE(o->stats);
}

TEST(Options, TheStaleUseDetectorHasItsNumbers) {
    EXPECT_FALSE(parsed({"--kernel=k"})->check_tlb);
    auto plain = parsed({"--kernel=k", "--check=tlb"})->check_tlb, both = parsed({"--kernel=k", "--check=tlb,grace=0,every=7"})->check_tlb;
    ASSERT_TRUE(plain && both);
    EXPECT_EQ(plain->every, 1u);
    EXPECT_EQ(plain->grace, 1'000'000u);
    EXPECT_EQ(both->every, 7u);
    EXPECT_EQ(both->grace, 0u);
    EXPECT_TRUE(says(refusal({"--kernel=k", "--check=cache"}), "tlb can"));
    EXPECT_TRUE(says(refusal({"--kernel=k", "--check=tlb,often"}), "is not known"));
    for (auto text : {"--check=tlb,every=0", "--check=tlb,every=", "--check=tlb,grace=-1", "--check=tlb,grace=1x"})
        EXPECT_TRUE(says(refusal({"--kernel=k", text}), "no whole number")) << text;
}

TEST(Options, ModulesAndSerialPortsRepeat) {
    auto o = parsed({"--kernel=k", "--module", "a,x y", "--module=b", "--serial", "null", "--serial=file:f"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->modules, (std::vector<std::string>{"a,x y", "b"}));
    EXPECT_EQ(o->serial, (std::vector<std::string>{"null", "file:f"}));
    EXPECT_TRUE(says(refusal({"--kernel=k", "--serial=null", "--serial=null", "--serial=null"}), "two serial ports"));
}

TEST(Options, TheClockStartsAtATimeOfDay) {
    EXPECT_EQ(parsed({"--kernel=k", "--rtc=86400"})->rtc, 86400);
    EXPECT_EQ(parsed({"--kernel=k", "--rtc=1970-01-02"})->rtc, 86400);
    EXPECT_EQ(parsed({"--kernel=k", "--rtc=2000-02-29T12:34:56"})->rtc, 951827696);
    for (auto text : {"--rtc=yesterday", "--rtc=2000-01-01T", "--rtc=-1", "--rtc=12:00", "--rtc=1969-12-31"})
        EXPECT_TRUE(says(refusal({"--kernel=k", text}), "--rtc")) << text;
}

TEST(Options, AConfigurationFileHasTheSameNamesAndTheCommandLineWins) {
    auto o = parsed({config("kernel = \"k\"\nmemory = 64M\ncpu=zen2\nheadless = true\n"), "--cpu=haswell"});
    ASSERT_TRUE(o);
    EXPECT_EQ(o->kernel, "k");
    EXPECT_EQ(o->memory, 67108864u);
    EXPECT_EQ(o->cpu, "haswell");
    EXPECT_TRUE(o->headless);
}

TEST(Options, TheDebuggerTakesTheTerminalOrWaitsForGdb) {
    for (auto& words : {std::vector<std::string>{"--kernel=k", "--debug"}, {"--kernel=k", "--debug=terminal"}, {"--kernel=k", "--commands=f"}, {"--debug", "--kernel=k"}}) {
        auto o = parsed(words);
        ASSERT_TRUE(o && o->debugs()) << words[1];
        EXPECT_EQ(o->serial, std::vector<std::string>{"stdout"}) << words[1];
    }
    auto o = parsed({"--kernel=k", "--gdb=:1234", "--explain"});
    ASSERT_TRUE(o && o->debugs() && o->explain);
    EXPECT_EQ(o->serial, std::vector<std::string>{"stdio"});
    EXPECT_FALSE(parsed({"--kernel=k"})->debugs());
    EXPECT_TRUE(parsed({"--kernel=k", "--debug", "--gdb=:1", "--control=:2"})->debugs());         // several faces at once
    EXPECT_TRUE(says(refusal({"--kernel=k", "--debug", "--serial=stdio"}), "--serial"));
    EXPECT_TRUE(says(refusal({"--kernel=k", "--debug=window"}), "--debug"));
}

TEST(Options, ListsAreNamed) {
    for (auto* what : {"checks", "fields", "exits", "capabilities", "missing", "cpus", "devices"}) EXPECT_EQ(parsed({std::string("--list=") + what})->list, what);
    EXPECT_TRUE(says(refusal({"--list=nonsense"}), "--list"));
}

TEST(Options, WhatCannotBeUsedIsRefusedInOneLine) {
    EXPECT_TRUE(says(refusal({}), "--kernel"));
    EXPECT_TRUE(says(refusal({"--nonsense"}), "--nonsense"));
    EXPECT_TRUE(says(refusal({"--kernel=k", "--memory=65G"}), "--memory"));
    EXPECT_TRUE(says(refusal({"--kernel=k", "--memory=512K"}), "--memory"));
    EXPECT_TRUE(says(refusal({"--kernel=k", "--memory=1048577"}), "--memory"));
    EXPECT_TRUE(says(refusal({"--kernel=k", "--smp=65"}), "--smp"));
    EXPECT_TRUE(says(refusal({"--initrd=i", "--list=cpus"}), "--kernel"));
    EXPECT_TRUE(says(refusal({config("nonsense = 1\nkernel = k\n")}), "nonsense"));
    EXPECT_TRUE(says(refusal({"--config=/nonexistent/file"}), "/nonexistent/file"));
    EXPECT_TRUE(says(refusal({"--config=/dev/zero"}), "/dev/zero"));
    EXPECT_TRUE(says(refusal({config(std::string((1 << 20) + 1, '#'))}), "larger"));
    EXPECT_EQ(refusal({"--kernel=k", "--memory=\x1b[2J\n1"}).find_first_of("\n\x1b"), std::string::npos);
}

TEST(Options, ScreenshotsHaveAFileAndMayHaveATime) {
    auto o = parsed({"--kernel=k", "--screenshot", "a.png", "--screenshot=b,c.png,at=2.5"});
    ASSERT_EQ(o->screenshots.size(), 2u);
    EXPECT_EQ(o->screenshots[0].file, "a.png");
    EXPECT_LT(o->screenshots[0].at, 0);
    EXPECT_EQ(o->screenshots[1].file, "b,c.png");
    EXPECT_EQ(o->screenshots[1].at, 2.5);
    for (auto text : {"a.png,at=", "a.png,at=-1", "a.png,at=1s", "a.png,at=nan", "a.png,at=inf", "a.png,at=2e9"})
        EXPECT_TRUE(says(refusal({"--kernel=k", "--screenshot", text}), "is no time")) << text;
    EXPECT_TRUE(says(refusal({"--kernel=k", "--screenshot", ",at=1"}), "names no file"));
}

TEST(Options, FirmwareAndItsVariables) {
    auto o = parsed({"--firmware=OVMF", "--firmware-variables", "v.fd"});
    EXPECT_EQ(o->firmware, "OVMF");
    EXPECT_EQ(o->firmware_variables, "v.fd");
    EXPECT_TRUE(says(refusal({"--kernel=k", "--firmware-variables=v.fd"}), "--firmware-variables"));
}

TEST(Options, MediaAreNamedWithTheirFormat) {
    auto o = parsed({"--kernel=k", "--disk", "a", "--disk=b,format=qcow2,bus=ide", "--disk=c,d,format=raw", "--disk", "e,f=g", "--cdrom=h", "--cdrom=i",
                     "--floppy=j", "--boot=dca", "--discard-writes", "l.iso"});
    ASSERT_EQ(o->disks.size(), 4u);
    EXPECT_EQ(o->disks[0].path + "," + o->disks[0].format, "a,");
    EXPECT_EQ(o->disks[1].path + "," + o->disks[1].format, "b,qcow2");
    EXPECT_EQ(o->disks[2].path + "," + o->disks[2].format, "c,d,raw");
    EXPECT_EQ(o->disks[3].path, "e,f=g") << "a comma may be part of a name";
    EXPECT_EQ(o->cdroms, (std::vector<std::string>{"h", "i"}));
    EXPECT_EQ(o->media, std::vector<std::string>{"l.iso"});
    EXPECT_EQ(o->floppies[0].path, "j");
    EXPECT_EQ(o->boot, "dca");
    EXPECT_TRUE(o->discard_writes);
    EXPECT_FALSE(parsed({"--kernel=k"})->discard_writes);
    EXPECT_TRUE(says(refusal({"--kernel=k", "--disk=a,format=vmdk"}), "vmdk"));
    EXPECT_TRUE(says(refusal({"--kernel=k", "--disk=a,bus=scsi"}), "scsi"));
    EXPECT_TRUE(says(refusal({"--kernel=k", "--boot=x"}), "--boot"));
}
