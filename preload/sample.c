/*
 * Samples, and what keeps a trace within RESIDUE_MAX_SIZE.
 *
 * Samples are the points of a Poisson process on the bytes that a thread allocates, `rate` bytes apart in the mean. A block
 * that has a point in it is recorded with its stack; all others cost a subtraction and a comparison:
 *
 *     left = bytes to the next point, geometric        P(left > n) = exp(-n / rate)
 *     a block of n bytes is recorded  <=>  left <= n   P = 1 - exp(-n / rate)
 *
 * The process has no memory, so after a sample a new `left` is drawn from the end of its block, whatever was left behind the
 * point. The reader gives each sample the weight 1 / P, which makes every sum of samples right in the mean (Horvitz and
 * Thompson). A block of no bytes counts as one, or it could never be seen. What P was is in the trace: a SAMPLING record
 * in the writer, before the first sample that was drawn with its rate.
 *
 * Frees. Only those of sampled blocks are recorded, told by a bitmap of their addresses (addresses.c), which costs the
 * others two loads. realloc takes the address out before the real call, and puts it back if that fails: once the real call
 * has succeeded the address may be another thread's.
 *
 * RESIDUE_MAX_SIZE. Live files are as large as they are: a writer's is there whole from its start. What the limit leaves is
 * the room for the logs, and LEAST_ROOM where it leaves less:
 *
 *     live + logs  <=  max(limit, live + LEAST_ROOM)
 *
 * When the logs have half of their room, samples begin: at first one in FIRST_RATE bytes, then, for each further 32nd of the
 * room, half as many, but no fewer than one in COARSEST, which shows a leak of some hundred MiB. That many fill what is
 * left only after some hundred GiB; once there is no room samples all but end, with one in LAST_RATE. So the trace grows
 * with the logarithm of what is allocated, a leak stays visible, and no block that is in the trace is lost: of blocks that
 * were recorded before, the end is still recorded. Which those are nobody has kept, but it is enough to record the *first*
 * free of each address since then: what lies there later is either a sample or in no record. A second bitmap has these
 * addresses, which bounds the records by what the heap has of addresses, not by time. (A free of a block that is in no record
 * is nothing to a reader.)
 *
 * To turn an allocating thread's mind costs nothing here: it reads the rate at each call, and the ring of its youngest
 * blocks is written out when it records its first sample (rsd_sample_begin), for what is in the ring is older. A thread
 * that got p from malloc after another freed it has seen the rate that the other saw, so that no block is taken for
 * whole that lies at an address already freed.
 *
 * Threads: samplers are their threads' own; all else is atomic. A signal handler may allocate between two lines: it shifts
 * the next sample by what it allocated.
 */
#include "sample.h"

#include "init.h"
#include "say.h"
#include "thread.h"

#define FIRST_RATE (64u << 10)
#define STEPS 32u /* of the room */
#define COARSEST (UINT64_C(64) << 20)
#define LAST_RATE (UINT64_C(4) << 30)
#define LEAST_ROOM (UINT64_C(4) << 20)

__thread struct rsd_sampler rsd_sampler __attribute__((tls_model("initial-exec")));
_Atomic uint64_t rsd_sample_rate;
_Atomic bool rsd_sample_whole_before;
struct rsd_addresses rsd_samples;

static struct rsd_addresses freed; /* addresses freed since samples began, if all was recorded before */
static uint64_t start_rate, first_rate, limit;
static _Atomic uint64_t live, logs; /* bytes of the trace's files */

void rsd_sample_init(uint64_t rate, uint64_t max_size) {
    start_rate = rate;
    first_rate = rate ? rate : FIRST_RATE;
    limit = max_size;
    atomic_store(&rsd_sample_rate, rate);
}

/* The child's trace will be one of its own. */
void rsd_sample_after_fork(void) {
    if (atomic_exchange(&rsd_sample_whole_before, false))
        rsd_addresses_clear(&freed);
    atomic_store(&live, 0);
    atomic_store(&logs, 0);
    atomic_store(&rsd_sample_rate, start_rate);
    rsd_sampler = (struct rsd_sampler){0};
}

/* ---- drawing ---- */

static uint64_t next_random(uint64_t *state) { /* splitmix64, by S. Vigna, in the public domain */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* -ln(u) for a random u in (0, 1], without libm, which the program may not have. u = m * 2^e with m from 3/4 to 3/2, and
 * ln(m) = 2 artanh(z) with z = (m - 1) / (m + 1), |z| <= 1/5: seven terms are right to 10^-11. */
static double exponential(uint64_t *state) {
    uint64_t bits = next_random(state) >> 11 | 1;
    int e = -__builtin_clzll(bits);
    double m = (double)(bits << -e) * 0x1p-64; /* 1/2 to 1 */
    e += 11;
    if (m < 0.75) {
        m *= 2;
        e--;
    }
    double z = (m - 1) / (m + 1), square = z * z, sum = 0;
    for (int k = 13; k > 0; k -= 2)
        sum = sum * square + 1.0 / k;
    return -(2 * z * sum + e * 0.69314718055994531);
}

static void draw(struct rsd_sampler *sampler) {
    sampler->rate = atomic_load_explicit(&rsd_sample_rate, memory_order_relaxed);
    double distance = exponential(&sampler->random) * (double)sampler->rate;
    sampler->left = 1 + (int64_t)distance;
}

/* The sampler has no way left to go with a block of this size: is there a sample in it? */
__attribute__((cold, noinline)) bool rsd_sample_reached(size_t size) {
    struct rsd_sampler *sampler = &rsd_sampler;
    if (sampler->rate == 0) { /* the thread's first block */
        sampler->random = rsd_trace.id ^ rsd_clock_ticks() ^ (uintptr_t)sampler << 16;
        draw(sampler);
        sampler->left -= (int64_t)(size | !size);
        if (sampler->left > 0)
            return false;
    }
    sampler->taken = sampler->rate;
    draw(sampler);
    return true;
}

/* ---- samples ---- */

static void announce(struct rsd_thread *self, uint64_t rate) {
    if (self->nursery.memory && self->sample_rate == 0)
        rsd_nursery_flush(&self->nursery, &self->writer);
    struct residue_sampling record = {.head.tag = RESIDUE_TAG_SAMPLING, .rate = rate};
    rsd_writer_tagged(&self->writer, &record.head, sizeof record, "", 0, "", 0);
    self->sample_rate = rate;
}

__attribute__((cold, noinline)) bool rsd_sample_begin(struct rsd_thread *self, const void *block) {
    if (rsd_addresses_add(&rsd_samples, block) == RSD_NO_ROOM)
        return false;
    if (self->sample_rate != rsd_sampler.taken)
        announce(self, rsd_sampler.taken);
    return true;
}

bool rsd_sample_end(const void *block) {
    if (__builtin_expect(rsd_addresses_take(&rsd_samples, block), 0))
        return true;
    return atomic_load_explicit(&rsd_sample_whole_before, memory_order_relaxed) &&
           rsd_addresses_add(&freed, block) != RSD_WAS_THERE;
}

/* ---- size ---- */

static uint64_t room_of_logs(void) {
    uint64_t taken = atomic_load_explicit(&live, memory_order_relaxed);
    return limit > taken + LEAST_ROOM ? limit - taken : LEAST_ROOM;
}

static uint64_t rate_at(uint64_t size, uint64_t room) {
    if (size < room / 2)
        return 0;
    if (size >= room)
        return LAST_RATE;
    uint64_t rate = first_rate;
    for (uint64_t left = (size - room / 2) / (room / STEPS + 1); left && rate < COARSEST; left--)
        rate = rate > COARSEST / 2 ? COARSEST : 2 * rate;
    return rate;
}

void rsd_sample_note_live(uint64_t bytes) {
    atomic_fetch_add(&live, bytes);
}

void rsd_sample_note_log(uint64_t bytes) {
    if (limit == 0)
        return;
    uint64_t size = atomic_fetch_add(&logs, bytes) + bytes;
    uint64_t wanted = rate_at(size, room_of_logs()), rate = atomic_load(&rsd_sample_rate);
    if (wanted <= rate)
        return;
    if (rate == 0)
        atomic_store(&rsd_sample_whole_before, true);
    bool first = false;
    while (rate < wanted && !(first = atomic_compare_exchange_weak(&rsd_sample_rate, &rate, wanted)))
        continue;
    if (first && rate == 0)
        rsd_say("half of what RESIDUE_MAX_SIZE leaves for logs is used: from here on samples, one in each %llu KiB "
                "allocated, later fewer",
                (unsigned long long)wanted >> 10);
}

bool rsd_sample_over_size(void) {
    return limit != 0 && atomic_load_explicit(&logs, memory_order_relaxed) > room_of_logs();
}
