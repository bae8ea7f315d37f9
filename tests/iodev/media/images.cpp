// SPDX-License-Identifier: MIT
// Tests of images as files: opening, locking, backing chains, discarding; and of qcow2 files that
// qemu-img makes and judges, where it is installed.
#include "base/error.h"
#include "base/log.h"
#include "iodev/media/discard.h"
#include "iodev/media/formats.h"
#include "iodev/media/host_file.h"
#include "iodev/media/medium.h"
#include "iodev/media/open.h"
#include "iodev/media/qcow2/image.h"
#include "iodev/media/raw.h"
#include "tests/archive_roundtrip.h"
#include "tests/iodev/media/memory_file.h"
#include "tests/iodev/media/qcow2_maker.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace fs = std::filesystem;

namespace {
using Bytes = std::vector<u8>;

struct Images : testing::Test {
    fs::path directory = make_directory();
    Images() { set_logging(false); }
    ~Images() override { fs::remove_all(directory), set_logging(true); }
    static fs::path make_directory() {
        std::string pattern = fs::temp_directory_path() / "slate-images-XXXXXX";
        return mkdtemp(pattern.data());
    }
    std::string path(const std::string& name) const { return directory / name; }
    void write_file(const std::string& name, const Bytes& bytes) const {
        std::ofstream(path(name), std::ios::binary).write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
    }
    Bytes file(const std::string& name) const {
        std::ifstream in(path(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::string text(const std::string& name) const {
        auto bytes = file(name);
        return {bytes.begin(), bytes.end()};
    }
    static Bytes noise(u64 size, u64 seed) {
        TestRandom random{seed};
        Bytes bytes(size);
        for (auto& byte : bytes) byte = u8(random.next() >> (random.state >> 9 & 15) * 4);
        return bytes;
    }
    static Bytes all(Image& image) {
        Bytes bytes(image.size());
        image.read(0, bytes);
        return bytes;
    }
    std::string refusal(const std::string& name, const std::string& format = "", Access access = Access::write) const {
        try {
            open_image(path(name), format, access);
            return "opened";
        } catch (const Error& e) {
            EXPECT_EQ(e.status, 2);
            return e.what();
        }
    }
    // The exit status; words go through the shell in the directory.
    int run(const std::string& words) const {
        int status = std::system(("cd '" + directory.string() + "' && { " + words + "; } >log 2>&1").c_str());
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
};
void expect_says(const std::string& text, const char* words) { EXPECT_NE(text.find(words), std::string::npos) << text; }
}

TEST_F(Images, raw_bytes_are_the_files) {
    write_file("disk", noise(1 << 20, 1));
    auto bytes = file("disk");
    {
        auto image = open_image(path("disk"), "raw", Access::write);
        EXPECT_EQ(all(*image), bytes);
        std::fill_n(bytes.begin() + 1000, 5000, 9);
        image->write(1000, std::span(bytes).subspan(1000, 5000)), image->flush();
    }
    EXPECT_EQ(file("disk"), bytes);
}

TEST_F(Images, a_raw_image_is_whole_sectors_the_last_one_padded) {
    write_file("disk", Bytes(1000, 7));
    auto image = open_image(path("disk"), "", Access::read);
    EXPECT_EQ(image->size(), 1024u);
    auto bytes = all(*image);
    EXPECT_EQ(bytes[999], 7);
    EXPECT_EQ(bytes[1000], 0);
}

TEST_F(Images, unusable_files_are_refused_with_the_reason) {
    write_file("empty", {}), write_file("text", Bytes(100, 'x')), fs::create_directory(path("directory"));
    write_file("vmdk", {'K', 'D', 'M', 'V', 1, 0, 0, 0}), write_file("vhdx", {'v', 'h', 'd', 'x', 'f', 'i', 'l', 'e'});
    expect_says(refusal("missing"), "No such file");
    expect_says(refusal("directory"), "directory");
    expect_says(refusal("empty"), "empty");
    expect_says(refusal("text", "qcow2"), "no qcow2");
    expect_says(refusal("vmdk"), "vmdk image");
    expect_says(refusal("vhdx"), "vhdx image");
    EXPECT_EQ(refusal("vmdk", "raw"), "opened");
    EXPECT_EQ(run("mkfifo pipe"), 0);
    expect_says(refusal("pipe"), "regular file");
}

TEST_F(Images, a_guest_cannot_turn_a_guessed_raw_image_into_another_format) {
    write_file("disk", Bytes(4096));
    auto evil = make_qcow2({});
    EXPECT_THROW(open_image(path("disk"), "", Access::write)->write(0, std::span(evil).first(512)), IoError);
    auto image = open_image(path("disk"), "", Access::write);
    image->write(2, std::span(evil).subspan(2, 510));
    EXPECT_THROW(image->write(0, std::span(evil).first(2)), IoError) << "in two pieces";
    image.reset();
    open_image(path("disk"), "raw", Access::write)->write(0, std::span(evil).first(512));
}

TEST_F(Images, an_image_in_use_is_refused_and_readers_share) {
    write_file("disk", Bytes(4096)), write_file("other.qcow2", make_qcow2({}));
    {
        auto writer = open_image(path("disk"), "", Access::write);
        expect_says(refusal("disk"), "in use");
        expect_says(refusal("disk", "", Access::read), "in use");
        expect_says(refusal("disk", "", Access::discard), "in use");
    }
    {
        auto reader = open_image(path("disk"), "", Access::read), another = open_image(path("disk"), "", Access::discard);
        expect_says(refusal("disk"), "in use");
    }
    EXPECT_EQ(refusal("disk"), "opened");
    if (run("qemu-img --version") != 0) return;
    auto writer = open_image(path("other.qcow2"), "", Access::write);
    EXPECT_NE(run("qemu-img info other.qcow2"), 0) << "QEMU sees our lock";
}

TEST_F(Images, discarded_writes_leave_the_image_as_it_was) {
    auto before = noise(300'000 / 512 * 512, 3);
    write_file("disk", before);
    auto image = open_image(path("disk"), "", Access::discard);
    auto shadow = before;
    TestRandom random{4};
    for (int i = 0; i < 200; i++) {
        u64 at = random.below(shadow.size()), size = random.below(std::min<u64>(shadow.size() - at, 20'000)) + 1;
        auto bytes = noise(size, u64(i));
        image->write(at, bytes), std::ranges::copy(bytes, shadow.begin() + std::ptrdiff_t(at));
        ASSERT_EQ(all(*image), shadow);
    }
    image->flush(), image.reset();
    EXPECT_EQ(file("disk"), before);
}

// 64 PiB in a file of 8 MiB: nothing of that size is allocated, and its last sector works.
TEST_F(Images, a_small_file_that_claims_the_largest_size_costs_little) {
    write_file("huge", make_qcow2({bit(56), 21}));
    for (auto access : {Access::write, Access::discard}) {
        auto image = open_image(path("huge"), "", access);
        EXPECT_EQ(image->size(), bit(56));
        Bytes bytes(512, 5);
        image->read(bit(56) - 512, bytes);
        EXPECT_EQ(bytes, Bytes(512));
        image->write(1 << 20, Bytes(512, 6));
        image->read(1 << 20, bytes);
        EXPECT_EQ(bytes, Bytes(512, 6));
    }
}

// Where even root may not write: sysfs honours the mode.
TEST_F(Images, a_file_that_is_read_only_is_refused_with_the_way_out_and_read_with_it) {
    std::string notes = "/sys/kernel/notes";
    if (!fs::exists(notes)) GTEST_SKIP() << notes << " is not there";
    auto told = [&](Access access) -> std::string {
        try {
            return open_image(notes, "raw", access) ? "opened" : "";
        } catch (const Error& e) {
            return e.what();
        }
    };
    expect_says(told(Access::write), "make it writable, or give --discard-writes");
    EXPECT_EQ(told(Access::discard), "opened");
    EXPECT_EQ(told(Access::read), "opened");
}

// The descriptor is exchanged for one that cannot be flushed, and then brought back.
TEST_F(Images, after_a_flush_that_failed_no_flush_of_that_file_succeeds) {
    write_file("disk", Bytes(4096));
    HostFile file(path("disk"), HostFile::Use::writing);
    int descriptor = -1, pipes[2];
    for (auto& entry : fs::directory_iterator("/proc/self/fd"))
        if (std::error_code none; fs::read_symlink(entry, none) == path("disk")) descriptor = std::stoi(entry.path().filename());
    ASSERT_GE(descriptor, 0);
    file.flush();
    ASSERT_EQ(pipe(pipes), 0);
    int kept = dup(descriptor);
    dup2(pipes[1], descriptor);
    EXPECT_THROW(file.flush(), IoError);
    dup2(kept, descriptor);
    EXPECT_THROW(file.flush(), IoError) << "the host has forgotten what it could not write";
    Bytes bytes(512, 7);
    file.write(0, bytes);
    for (int n : {kept, pipes[0], pipes[1]}) close(n);
}

TEST_F(Images, iso_9660_is_known_by_its_descriptor) {
    Bytes iso(20 * 2048);
    write_file("blank", iso), write_file("short", Bytes(100));
    std::ranges::copy(std::string_view("\1CD001"), iso.begin() + 16 * 2048);
    write_file("iso", iso);
    EXPECT_TRUE(is_iso9660(path("iso")));
    EXPECT_FALSE(is_iso9660(path("blank")));
    EXPECT_FALSE(is_iso9660(path("short")));
}

TEST_F(Images, a_medium_reports_failures_and_refuses_what_lies_outside) {
    Disk disk(Bytes(4096));
    Medium medium(std::make_unique<RawImage>(std::make_unique<MemoryFile>(disk), RawImage::Because::named));
    Bytes bytes(512);
    EXPECT_TRUE(medium.read(3584, bytes));
    EXPECT_FALSE(medium.read(3585, bytes));
    EXPECT_FALSE(medium.write(~u64{0}, bytes));
    disk.dead = true;
    EXPECT_FALSE(medium.read(0, bytes) || medium.write(0, bytes) || medium.flush());
    EXPECT_FALSE(Medium().read(0, bytes));
    EXPECT_FALSE(Medium().present());
}

// ---- with qemu-img

namespace {
struct QemuImg : Images {
    void SetUp() override {
        if (run("qemu-img --version") != 0) GTEST_SKIP() << "qemu-img is not installed (package qemu-utils)";
    }
    // `raw` as a qcow2 file; written at random by us, it must stay clean for qemu-img and equal to our shadow.
    void expect_faithful(const std::string& options) {
        SCOPED_TRACE(options);
        Bytes shadow = file("raw");
        {
            auto image = open_image(path("image"), "", Access::write);
            ASSERT_EQ(image->size(), shadow.size());
            ASSERT_EQ(all(*image), shadow);
            TestRandom random{shadow.size() + options.size()};
            for (int i = 0; i < 60; i++) {
                u64 at = random.below(shadow.size()) & ~u64{511}, size = std::min<u64>(shadow.size() - at, 512 << random.below(9));
                auto bytes = noise(size, random.next());
                image->write(at, bytes), std::ranges::copy(bytes, shadow.begin() + std::ptrdiff_t(at));
                if (i % 16 == 0) image->flush();
            }
            EXPECT_EQ(all(*image), shadow);
        }
        write_file("shadow", shadow);
        EXPECT_EQ(run("qemu-img check image"), 0) << text("log");
        EXPECT_EQ(run("qemu-img compare -f raw -F qcow2 shadow image"), 0);
    }
};
}

TEST_F(QemuImg, its_images_are_read_and_written_in_every_shape) {
    auto bytes = noise(3 << 20, 1);
    std::fill_n(bytes.begin() + (1 << 20), 1 << 20, u8(0));
    write_file("raw", bytes);
    for (const char* options : {"compat=0.10", "compat=1.1", "compat=1.1,cluster_size=512", "compat=1.1,cluster_size=4096,refcount_bits=1",
                                "compat=1.1,refcount_bits=64,cluster_size=512", "compat=1.1,cluster_size=2M", "compat=1.1,preallocation=metadata",
                                "compat=1.1,refcount_bits=8,cluster_size=1024", "compat=0.10,cluster_size=512"}) {
        ASSERT_EQ(run(std::string("qemu-img convert -f raw -O qcow2 -o ") + options + " raw image"), 0);
        expect_faithful(options);
    }
}

TEST_F(QemuImg, compressed_clusters_are_read_and_replaced) {
    Bytes bytes(4 << 20);
    for (u64 i = 0; i < bytes.size(); i++) bytes[i] = u8(i >> 8 ^ i >> 16);
    write_file("raw", bytes);
    for (const char* options : {"cluster_size=512", "cluster_size=4096", "cluster_size=64k", "cluster_size=2M"}) {
        ASSERT_EQ(run(std::string("qemu-img convert -c -f raw -O qcow2 -o ") + options + " raw image"), 0);
        expect_faithful(options);
    }
    ASSERT_EQ(run("qemu-img convert -c -f raw -O qcow2 -o compression_type=zstd raw image"), 0);
    expect_says(refusal("image"), "zlib");
}

TEST_F(QemuImg, backing_files_raw_and_qcow2_shorter_and_chained) {
    write_file("base", noise(1 << 20, 5));
    fs::create_directory(path("sub"));
    ASSERT_EQ(run("qemu-img create -f qcow2 -b ../base -F raw sub/middle 2M"), 0);
    ASSERT_EQ(run("qemu-img create -f qcow2 -b sub/middle -F qcow2 image 3M"), 0);
    auto bytes = file("base");
    bytes.resize(3 << 20);
    write_file("raw", bytes);
    expect_faithful("chain");
    EXPECT_EQ(run("qemu-img check sub/middle"), 0);
    EXPECT_EQ(file("base"), noise(1 << 20, 5));
}

TEST_F(QemuImg, an_internal_snapshot_stays_what_it_was) {
    write_file("raw", noise(2 << 20, 6));
    ASSERT_EQ(run("qemu-img convert -f raw -O qcow2 -o cluster_size=4096 raw image && qemu-img snapshot -c old image"), 0);
    expect_faithful("snapshot");
    ASSERT_EQ(run("qemu-img snapshot -a old image && qemu-img check image && qemu-img compare -f raw -F qcow2 raw image"), 0);
}

TEST_F(QemuImg, zero_clusters_are_read_and_written) {
    write_file("raw", noise(1 << 20, 7));
    ASSERT_EQ(run("qemu-img create -f qcow2 -b raw -F raw image"), 0);
    if (run("qemu-io --version") != 0) GTEST_SKIP() << "qemu-io is not installed";
    ASSERT_EQ(run("qemu-io -f qcow2 -c 'write 128k 128k' -c 'write -z 0 192k' -c 'write -z 512k 64k' image"), 0);
    ASSERT_EQ(run("qemu-img convert -f qcow2 -O raw image raw2"), 0);
    ASSERT_EQ(run("cp raw backing && qemu-img rebase -u -f qcow2 -b backing -F raw image && mv raw2 raw"), 0);
    expect_faithful("zeros");
}

TEST_F(QemuImg, chains_that_loop_or_lack_a_file_are_refused) {
    write_file("raw", Bytes(1 << 20));
    ASSERT_EQ(run("qemu-img create -f qcow2 a 1M && qemu-img create -f qcow2 -b a -F qcow2 b"), 0);
    ASSERT_EQ(run("qemu-img rebase -u -f qcow2 -b b -F qcow2 a"), 0);
    expect_says(refusal("a"), "comes back to itself");
    expect_says(refusal("b", "", Access::read), "comes back to itself");
    ASSERT_EQ(run("qemu-img rebase -u -f qcow2 -b missing -F qcow2 a"), 0);
    expect_says(refusal("a"), "missing");
    ASSERT_EQ(run("qemu-img rebase -u -f qcow2 -b nbd://host/x -F raw a"), 0);
    expect_says(refusal("a"), "no file");
    ASSERT_EQ(run("qemu-img rebase -u -f qcow2 -b raw -F vmdk a"), 0);
    expect_says(refusal("a"), "format vmdk");
}

// qemu-img's exit status: 0 sound, 3 only leaks.
TEST_F(QemuImg, what_a_death_leaves_has_leaks_at_most) {
    Disk disk{make_qcow2({256 << 10, 9, 3, 6})};
    auto state = disk.contents;
    disk.recording = true;
    {
        auto file = std::make_unique<MemoryFile>(disk);
        auto header = qcow2::read_header(*file);
        qcow2::Qcow2Image image(std::move(file), nullptr, header);
        TestRandom random{2};
        for (int i = 0; i < 30; i++) {
            image.write(random.below(400) * 512, noise(512 + random.below(40) * 512, u64(i)));
            if (i % 4 == 0) image.flush();
        }
    }
    Disk cut(state);
    for (std::size_t n = 0; n < disk.journal.size(); n++) {
        cut.apply(disk.journal[n]);
        if (n % 37) continue;
        write_file("cut", cut.contents);
        int status = run("qemu-img check -f qcow2 cut");
        EXPECT_TRUE(status == 0 || status == 3) << "after " << n << " steps: " << status;
    }
}
