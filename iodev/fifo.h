// SPDX-License-Identifier: MIT
// A bounded queue: the only one that devices use, so that no guest-driven index is ever raw.
#pragma once
#include "base/archive.h"
#include <array>

template <class T, unsigned capacity> class Fifo {
public:
    bool empty() const { return count == 0; }
    bool full() const { return count == capacity; }
    unsigned size() const { return count; }
    unsigned room() const { return capacity - count; }
    void clear() { first = count = 0; }
    // False, and nothing happens, when there is no room.
    bool push(const T& item) {
        if (full()) return false;
        items[(first + count++) % capacity] = item;
        return true;
    }
    // An empty queue yields T{}.
    T front() const { return empty() ? T{} : items[first]; }
    T pop() {
        T item = front();
        if (!empty()) {
            first = (first + 1) % capacity;
            count--;
        }
        return item;
    }
    // The i-th item from the front; T{} past the end.
    T peek(unsigned i) const { return i < count ? items[(first + i) % capacity] : T{}; }
    void visit(Archive& a) {
        a("first", first);
        a("count", count);
        a("items", items);
        first %= capacity;
        if (count > capacity) count = capacity;
    }

private:
    std::array<T, capacity> items{};
    u32 first = 0, count = 0;
};
