/*
 * Work that is done apart from the program's descriptors.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"

#define THREADS 16 /* as many as work apart at a time */

/* As before Linux 5.9, and in sandboxes that know what they allow. */
static void be_without_close_range(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter), 0);
}

static _Atomic unsigned inside;

static long answer(void *unused) {
    (void)unused;
    return 42;
}

/* All of them are inside before the first one asks for more. */
static long ask_for_more(void *unused) {
    atomic_fetch_add(&inside, 1);
    while (atomic_load(&inside) < THREADS)
        rsd_sys_yield();
    return rsd_sys_apart(answer, unused);
}

static void *work(void *unused) {
    (void)unused;
    return (void *)rsd_sys_apart(ask_for_more, NULL);
}

static void all_get_their_answer(void) {
    pthread_t thread[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&thread[i], NULL, work, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(thread[i], &result);
        cr_assert_eq((long)result, 42);
    }
}

Test(apart, work_that_does_more_work_apart_waits_for_nobody, .timeout = 20) {
    all_get_their_answer();
}

Test(apart, nor_does_it_where_no_thread_can_have_a_table_of_its_own, .timeout = 20) {
    be_without_close_range();
    all_get_their_answer();
}
