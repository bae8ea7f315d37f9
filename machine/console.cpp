// SPDX-License-Identifier: MIT
// The host's ends of the serial lines.
#include "machine/console.h"
#include "base/error.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <csignal>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>
#include <vector>

namespace {

std::string reason() { return std::strerror(errno); }

// Bytes to and from file descriptors, gathered so that a byte doesn't cost a system call.
class Stream : public Console {
public:
    Stream(int in, int out) : in(in), out(out) {}
    ~Stream() override { drain(); }

    void send(u8 byte) override {
        buffer.push_back(byte);
        if (buffer.size() >= 4096) drain();
    }
    void flush() override { drain(); }
    int receive() override {
        if (input.empty()) fill({});
        if (input.empty()) return -1;
        u8 byte = input.front();
        input.pop_front();
        return byte;
    }
    // Bytes that the guest doesn't take are left where they are: no more are read.
    bool wait(std::chrono::nanoseconds most) override { return input.empty() && fill(most); }

protected:
    void drain() {
        for (std::size_t at = 0; at < buffer.size() && out >= 0;) {
            ssize_t n = ::write(out, buffer.data() + at, buffer.size() - at);
            if (n > 0) at += std::size_t(n);
            else if (n < 0 && errno == EAGAIN && wait_writable()) continue;
            else if (n < 0 && errno == EINTR) continue;
            else return lost();
        }
        buffer.clear();
    }
    bool wait_writable() const {
        pollfd p{out, POLLOUT, 0};
        return ::poll(&p, 1, 1000) > 0;
    }
    // Nobody reads any more: said once, and the guest's bytes are dropped.
    void lost() {
        if (!complained) log_line("a serial line's output can't be written (" + reason() + "); it is dropped from here on");
        complained = true;
        buffer.clear();
    }
    virtual void ended() { in = -1; }
    bool fill(std::chrono::nanoseconds most) {
        if (in < 0) return false;
        pollfd p{in, POLLIN, 0};
        timespec time{time_t(most.count() / 1'000'000'000), long(most.count() % 1'000'000'000)};
        if (::ppoll(&p, 1, &time, nullptr) <= 0) return true;
        u8 bytes[256];
        ssize_t n = ::read(in, bytes, sizeof bytes);
        if (n > 0) input.insert(input.end(), bytes, bytes + n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR)) ended();
        return true;
    }
    int in, out;
    bool complained = false;
    std::vector<u8> buffer;
    std::deque<u8> input;
};

// Standard input and output. A terminal is put into raw mode for as long as we run; Ctrl-A X ends the emulator.
class Terminal final : public Stream {
public:
    Terminal() : Stream(0, 1), terminal(::isatty(0)) {
        if (!terminal || ::tcgetattr(0, &saved) != 0) return;
        restore_at_exit = saved;
        armed = true;
        termios raw = saved;
        ::cfmakeraw(&raw);
        raw.c_oflag |= OPOST;
        ::tcsetattr(0, TCSANOW, &raw);
        std::atexit(restore);
        std::signal(SIGTERM, on_signal);
        std::signal(SIGHUP, on_signal);
    }
    ~Terminal() override { drain(), restore(); }
    bool interactive() const override { return terminal && in >= 0; }
    int receive() override {
        int byte = Stream::receive();
        if (!terminal || byte < 0) return byte;
        if (!escaped && byte == 1) return escaped = true, -1;
        if (escaped && (byte == 'x' || byte == 'X')) throw Error("ended from the terminal (Ctrl-A X)", 8);
        escaped = false;
        return byte;
    }

private:
    static void restore() {
        if (armed) ::tcsetattr(0, TCSANOW, &restore_at_exit);
        armed = false;
    }
    static void on_signal(int number) {
        restore();
        std::signal(number, SIG_DFL);
        ::raise(number);
    }
    bool terminal, escaped = false;
    termios saved{};
    static inline termios restore_at_exit{};
    static inline volatile bool armed = false;
};

// A socket that somebody may connect to, once at a time.
class Listener final : public Stream {
public:
    explicit Listener(int listening) : Stream(-1, -1), listening(listening) {}
    ~Listener() override { ::close(listening); }
    void send(u8 byte) override {
        accept();
        if (out >= 0) Stream::send(byte);
    }
    int receive() override { return accept(), Stream::receive(); }

private:
    void accept() {
        if (in >= 0) return;
        int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0) in = out = fd;
    }
    void ended() override {
        ::close(in);
        in = out = -1;
        buffer.clear();
    }
    int listening;
};

std::unique_ptr<Console> open_file(const std::string& path) {
    int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) throw Error("cannot write '" + path + "': " + reason());
    return std::make_unique<Stream>(-1, fd);
}

std::unique_ptr<Console> open_pty() {
    int fd = ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || ::grantpt(fd) != 0 || ::unlockpt(fd) != 0) throw Error("--serial pty: no pseudo terminal to be had: " + reason());
    log_line(std::string("serial port on ") + ::ptsname(fd));
    return std::make_unique<Stream>(fd, fd);
}

std::unique_ptr<Console> listen_on(int fd, const sockaddr* address, socklen_t size, const std::string& what) {
    int on = 1;
    if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || ::bind(fd, address, size) != 0 || ::listen(fd, 1) != 0) {
        std::string why = reason();
        if (fd >= 0) ::close(fd);
        throw Error("--serial " + what + ": cannot listen: " + why);
    }
    return std::make_unique<Listener>(fd);
}

std::unique_ptr<Console> open_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) throw Error("--serial unix:" + path + ": no usable socket path");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return listen_on(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), reinterpret_cast<sockaddr*>(&address), sizeof address, "unix:" + path);
}

std::unique_ptr<Console> open_tcp(const std::string& port) {
    u16 number = 0;
    auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number == 0) throw Error("--serial tcp:" + port + ": no port number (1 to 65535)");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(number);
    return listen_on(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), reinterpret_cast<sockaddr*>(&address), sizeof address, "tcp:" + port);
}

class Nowhere final : public Console {
    void send(u8) override {}
};

}

std::unique_ptr<Console> open_console(const std::string& description) {
    std::signal(SIGPIPE, SIG_IGN);
    auto behind = [&](std::string_view prefix) { return description.substr(prefix.size()); };
    if (description == "stdio") return std::make_unique<Terminal>();
    if (description == "null") return std::make_unique<Nowhere>();
    if (description == "stdout") return std::make_unique<Stream>(-1, 1);
    if (description == "pty") return open_pty();
    if (description.starts_with("file:")) return open_file(behind("file:"));
    if (description.starts_with("unix:")) return open_unix(behind("unix:"));
    if (description.starts_with("tcp:")) return open_tcp(behind("tcp:"));
    throw Error("--serial: '" + description + "' is none of stdio, stdout, null, file:F, pty, unix:SOCKET, tcp:PORT");
}
