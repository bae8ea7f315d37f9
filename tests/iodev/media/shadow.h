// SPDX-License-Identifier: MIT
// What an image must hold: a shadow of all writes, sector by sector; images of each kind in memory, on which sessions of
// writes, flushes and failures are played; and what a process or a host that dies in one can leave of its file.
#pragma once
#include "base/error.h"
#include "iodev/media/qcow2/image.h"
#include "iodev/media/raw.h"
#include "tests/iodev/media/memory_file.h"
#include "tests/iodev/media/qcow2_maker.h"
#include <cstring>

// Each sector is filled with the number of the write that wrote it last, so that what a sector holds tells when it was
// written. After a write that failed, a sector may be the older or the newer one.
struct Shadow {
    using Stamps = std::vector<u64>;
    Stamps oldest, written, flushed;      // flushed: the oldest that may be there after a death
    u64 now = 0;
    explicit Shadow(u64 bytes) : oldest(bytes / 512), written(bytes / 512), flushed(bytes / 512) {}

    static std::vector<u8> sectors(u64 count, u64 stamp) {
        std::vector<u8> bytes(count * 512);
        for (u64 i = 0; i < bytes.size(); i += 8) std::memcpy(&bytes[i], &stamp, 8);
        return bytes;
    }
    template <class Random> void write(Image& image, Random& random) {
        u64 first = random.below(written.size()), count = 1 + random.below(std::min<u64>(written.size() - first, random.below(4) ? 16 : 300));
        write(image, first, count);
    }
    void write(Image& image, u64 first, u64 count) {
        std::fill_n(written.begin() + std::ptrdiff_t(first), count, ++now);
        image.write(first * 512, sectors(count, now));
        std::fill_n(oldest.begin() + std::ptrdiff_t(first), count, now);
    }
    void flush(Image& image) { image.flush(), flushed = oldest; }

    // Sectors whose contents are older than allowed, newer, or torn.
    static u64 wrong(Image& image, const Stamps& oldest, const Stamps& newest) {
        u64 count = 0;
        std::vector<u8> all(oldest.size() * 512);
        image.read(0, all);
        for (u64 s = 0; s < oldest.size(); s++) {
            u64 stamp;
            std::memcpy(&stamp, &all[s * 512], 8);
            bool whole = std::memcmp(&all[s * 512], &all[s * 512 + 8], 504) == 0;
            count += !whole || stamp < oldest[s] || stamp > newest[s];
        }
        return count;
    }
    u64 wrong(Image& image) const { return wrong(image, oldest, written); }
};

enum class ImageKind : u8 { raw, qcow2, compressed, qcow2_on_raw, qcow2_on_qcow2 };

// A file of some kind, with the one behind it.
struct ImageStack {
    ImageKind kind;
    Disk disk{}, behind{};

    static std::unique_ptr<Image> open_raw(Disk& disk) {
        return std::make_unique<RawImage>(std::make_unique<MemoryFile>(disk), RawImage::Because::named);
    }
    static std::unique_ptr<Image> open_qcow2(Disk& disk, std::unique_ptr<Image> backing = nullptr) {
        auto file = std::make_unique<MemoryFile>(disk);
        auto header = qcow2::read_header(*file);
        return std::make_unique<qcow2::Qcow2Image>(std::move(file), std::move(backing), header);
    }
    std::unique_ptr<Image> open() { return open(disk); }
    std::unique_ptr<Image> open(Disk& file) {             // one of its states
        switch (kind) {
        case ImageKind::raw: return open_raw(file);
        case ImageKind::qcow2: case ImageKind::compressed: return open_qcow2(file);
        case ImageKind::qcow2_on_raw: return open_qcow2(file, open_raw(behind));
        default: return open_qcow2(file, open_qcow2(behind));
        }
    }
    // Empty; with backing, three quarters of it hold something.
    template <class Random> static ImageStack make(ImageKind kind, const Qcow2Shape& shape, Shadow& shadow, Random& random) {
        ImageStack stack{kind};
        stack.disk.contents = kind == ImageKind::raw ? std::vector<u8>(shape.size) : make_qcow2(shape);
        if (kind == ImageKind::compressed) add_compressed_zeros(stack.disk.contents, shape, 40);
        if (kind <= ImageKind::compressed) return stack;
        u64 size = shape.size / 4 * 3;
        stack.behind.contents = kind == ImageKind::qcow2_on_raw ? std::vector<u8>(size) : make_qcow2({size, 12});
        Shadow below(size);
        auto image = kind == ImageKind::qcow2_on_raw ? open_raw(stack.behind) : open_qcow2(stack.behind);
        for (int i = 0; i < 6; i++) below.write(*image, random);
        for (auto* stamps : {&shadow.oldest, &shadow.written, &shadow.flushed}) std::ranges::copy(below.written, stamps->begin());
        shadow.now = below.now;
        return stack;
    }
};

// A session with its writes to the file recorded, and the states in which it could have been cut off.
struct ImageSession {
    Shadow shadow;
    ImageStack stack;
    std::vector<u8> start;
    struct Mark { std::size_t steps; Shadow::Stamps flushed, written; };
    std::vector<Mark> marks;              // after each operation

    // failures: now and then the host refuses a write or a flush. filled: so many sectors are written before.
    template <class Random> ImageSession(ImageKind kind, const Qcow2Shape& shape, Random& random, int operations, bool failures = false, u64 filled = 0)
        : shadow(shape.size), stack(ImageStack::make(kind, shape, shadow, random)) {
        fill(filled);
        start = stack.disk.contents;
        stack.disk.recording = true;
        mark();
        auto image = stack.open();
        for (int i = 0; i < operations; i++) {
            if (failures && random.below(4) == 0) stack.disk.fail_in = 1 + random.below(12);
            try {
                operate(image, random);
            } catch (const IoError&) {
            }
            mark();
        }
        stack.disk.fail_in = 0;
        live_wrong = shadow.wrong(*image);
        image.reset();
        closed_wrong = shadow.wrong(*stack.open());
    }
    u64 live_wrong = 0, closed_wrong = 0; // sectors, before it was closed and after

    // What is wrong with a state that a death after so many steps has left; empty: nothing.
    std::string complaint(Disk& state, std::size_t steps) {
        std::size_t before = 0;
        while (before + 1 < marks.size() && marks[before + 1].steps <= steps) before++;
        auto& after = marks[std::min(before + 1, marks.size() - 1)];
        std::string when = " after " + std::to_string(steps) + " steps";
        try {
            u64 wrong = Shadow::wrong(*stack.open(state), marks[before].flushed, after.written);
            return wrong ? std::to_string(wrong) + " sectors are wrong" + when : "";
        } catch (const Error& e) {
            return e.what() + when;
        }
    }
    // A process dies: what it had written is there, of the last write some sectors.
    template <class Random> Disk after_process_death(std::size_t steps, Random& random) const {
        Disk state{start};
        for (std::size_t i = 0; i < steps; i++) state.apply(stack.disk.journal[i]);
        if (steps == stack.disk.journal.size()) return state;
        auto pieces = sectors_of(stack.disk.journal[steps]);
        pieces.resize(random.below(pieces.size() + 1));
        for (auto& piece : pieces) state.apply(piece);
        return state;
    }
    // A host dies: what was written before the last flush is there; of each later sector, in any order, it may be.
    template <class Random> Disk after_host_death(std::size_t steps, Random& random) const {
        auto& journal = stack.disk.journal;
        Disk state{start};
        std::vector<Disk::Step> loose;
        for (std::size_t i = 0; i < steps; i++) {
            if (journal[i].flush) {
                for (std::size_t n = settled(i); n < i; n++) state.apply(journal[n]);
                loose.clear();
            }
            for (auto& piece : sectors_of(journal[i])) loose.push_back(std::move(piece));
        }
        for (std::size_t n = loose.size(); n > 0; n--) {
            std::swap(loose[n - 1], loose[random.below(n)]);
            if (random.below(2)) state.apply(loose[n - 1]);
        }
        return state;
    }

private:
    void fill(u64 sectors) {
        auto image = stack.open();
        for (u64 first = 0; first < sectors; first += 64) shadow.write(*image, first, std::min<u64>(64, sectors - first));
        shadow.flush(*image);
    }
    void mark() { marks.push_back({stack.disk.journal.size(), shadow.flushed, shadow.written}); }
    template <class Random> void operate(std::unique_ptr<Image>& image, Random& random) {
        u64 what = random.below(16);
        if (what < 4) return shadow.flush(*image);
        if (what > 4) return shadow.write(*image, random);
        stack.disk.fail_in = 0;           // who closes an image has nobody to tell
        image.reset();
        image = stack.open();
    }
    // The first step that no flush before step `i` has made certain.
    std::size_t settled(std::size_t i) const {
        while (i > 0 && !stack.disk.journal[i - 1].flush) i--;
        return i;
    }
    static std::vector<Disk::Step> sectors_of(const Disk::Step& step) {
        std::vector<Disk::Step> pieces;
        for (u64 at = 0; !step.flush && at < step.bytes.size();) {
            u64 size = std::min<u64>(step.bytes.size() - at, 512 - (step.at + at) % 512);
            auto first = step.bytes.begin() + std::ptrdiff_t(at);
            pieces.push_back({step.at + at, {first, first + std::ptrdiff_t(size)}, false});
            at += size;
        }
        return pieces;
    }
};
