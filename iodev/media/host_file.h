// SPDX-License-Identifier: MIT
// A file or block device of the host that holds an image, locked while it is open.
#pragma once
#include "iodev/media/file.h"
#include <utility>

class HostFile final : public File {
public:
    enum class Use : u8 { reading, writing };
    // Throws Error naming the path, the reason and what to do.
    HostFile(const std::string& path, Use);
    // A new one without a name in the host's directory for temporary files; it is gone when closed.
    HostFile();
    ~HostFile() override;
    HostFile(const HostFile&) = delete;
    HostFile& operator=(const HostFile&) = delete;

    const std::string& name() const override { return path; }
    u64 size() override;
    void read(u64 at, std::span<u8> to) override;
    void write(u64 at, std::span<const u8> from) override;
    void flush() override;
    // The same for two names of one file; zeros when there is none.
    using Identity = std::pair<u64, u64>;
    static Identity identity(const std::string& path);

private:
    void inspect();
    void lock(Use);
    [[noreturn]] void refuse(const std::string& why) const;
    [[noreturn]] void fail(const char* doing, u64 at, u64 bytes) const;

    std::string path;
    int fd = -1;
    bool lost = false;                    // a flush has failed
};
