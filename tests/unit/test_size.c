/* Sizes as people write them. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "residue/size.h"

static void is(const char *text, uint64_t expected) {
    uint64_t bytes = 0;
    cr_assert(residue_parse_size(text, &bytes), "%s", text);
    cr_assert_eq(bytes, expected, "%s: %" PRIu64, text, bytes);
}

Test(size, a_number_and_a_unit_in_any_case) {
    is("0", 0);
    is("4096", 4096);
    is("4096B", 4096);
    is("512KiB", 512 << 10);
    is("512kib", 512 << 10);
    is("512k", 512 << 10);
    is("512KB", 512 << 10);
    is("64M", 64 << 20);
    is("2gib", UINT64_C(2) << 30);
    is("2Ti", UINT64_C(2) << 40);
    is("8388607t", UINT64_C(8388607) << 40);
}

Test(size, fractions) {
    is("1.5GiB", UINT64_C(3) << 29);
    is("0.5k", 512);
    is(".25m", 256 << 10);
    is("1.9", 1);
    is("1.0000000000000000000000000001g", 1 << 30);
}

Test(size, what_is_none) {
    static const char *const none[] = {"",
                                       "-1",
                                       "+1",
                                       " 1",
                                       "k",
                                       ".",
                                       "1.",
                                       "1..5g",
                                       "1,5g",
                                       "1e6",
                                       "0x10",
                                       "1 GiB",
                                       "1q",
                                       "1GiB ",
                                       "1GiBB",
                                       "1iB",
                                       "90%",
                                       "8388608t",
                                       "99999999999999999999",
                                       "inf"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        uint64_t bytes;
        cr_assert_not(residue_parse_size(none[i], &bytes), "%s", none[i]);
    }
}
