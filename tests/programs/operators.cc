// Every operator new and delete, between two marker blocks. They arrive at malloc and free through libstdc++; the
// manifest on stdout (as in hooks.c) says what a recorder must have written. Exceptions must still be thrown and
// caught.
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace {

const size_t mark_size = 424243;
char buffer[1 << 14];
volatile size_t huge = static_cast<size_t>(1) << 62;

struct alignas(256) Wide {
    char bytes[20480];
};
struct Odd {
    char bytes[20101];
};

template <typename T> T *made(const char *api, size_t size, T *block) {
    std::printf("alloc %s %zu %p\n", api, size, static_cast<void *>(block));
    return block;
}

void gone(const void *block) {
    std::printf("free free %p\n", block);
}

void plain() {
    Odd *one = made("malloc", sizeof(Odd), new Odd);
    gone(one);
    delete one;
    Odd *many = made("malloc", 3 * sizeof(Odd), new Odd[3]);
    gone(many);
    delete[] many;
    void *quiet = made("malloc", 20201, ::operator new(20201, std::nothrow));
    gone(quiet);
    ::operator delete(quiet, std::nothrow);
    void *sized = made("malloc", 20203, ::operator new(20203));
    gone(sized);
    ::operator delete(sized, static_cast<size_t>(20203));
}

void aligned() {
    Wide *one = made("aligned_alloc", sizeof(Wide), new Wide);
    gone(one);
    delete one;
    Wide *many = made("aligned_alloc", 2 * sizeof(Wide), new Wide[2]);
    gone(many);
    delete[] many;
}

int failures() {
    int caught = 0;
    try {
        std::printf("%p\n", ::operator new(huge));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    if (!::operator new(huge, std::nothrow))
        caught++;
    return caught;
}

} // namespace

int main() {
    std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    // The first exception of a thread allocates once what later ones use again: before the marker.
    int caught = failures();
    void *mark = made("malloc", mark_size, std::malloc(mark_size));
    plain();
    aligned();
    gone(mark);
    std::free(mark);
    caught += failures();
    std::fprintf(stderr, "failures caught: %d\n", caught);
    return 0;
}
