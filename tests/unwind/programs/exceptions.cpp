// C++ exceptions through frames that have allocated, caught, rethrown, and in several threads.
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static __attribute__((noinline)) int descend(unsigned n) {
    std::vector<std::string> kept(n % 5 + 1, std::string(40 + n, 'x'));
    if (!n)
        throw std::runtime_error("bottom of the stack, with a message that is allocated");
    try {
        return descend(n - 1) + (int)kept.size();
    } catch (const std::runtime_error &) {
        if (n % 3 == 0)
            throw;
        throw std::runtime_error("again " + kept[0]);
    }
}

static void work() {
    unsigned caught = 0;
    for (unsigned i = 0; i < 3000; i++)
        try {
            descend(i % 9);
        } catch (const std::exception &) {
            caught++;
        }
    if (caught != 3000)
        abort();
}

int main() {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back(work);
    for (auto &thread : threads)
        thread.join();
    puts("exceptions");
    return 0;
}
