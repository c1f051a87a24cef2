/*
 * What the unwinder must know about x86-64 under Linux: the registers by their DWARF numbers, where a return address
 * lies, how a call looks from behind, and what the kernel leaves on the stack for a signal handler. Another processor gets
 * a header of its own with the same names.
 */
#ifndef RSD_ARCH_X86_64_H
#define RSD_ARCH_X86_64_H

#ifndef __x86_64__
#error "preload/arch has x86-64 only"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu.h"

#define RSD_PAGE 4096u
#define RSD_WORD 8u
#define RSD_ADDRESS_END ((uintptr_t)1 << 47) /* user addresses end here */

/* Numbers of the registers in DWARF. */
#define RSD_DWARF_FP 6u
#define RSD_DWARF_SP 7u
#define RSD_DWARF_RA 16u

/* `call` pushes the return address, so it is the word below the CFA; the ABI aligns the CFA of every function. */
#define RSD_RA_FROM_CFA (-8)
#define RSD_CFA_ALIGNMENT 16u

/* A function that keeps a frame pointer: push rbp; mov rbp, rsp. */
#define RSD_FP_TO_CFA 16
#define RSD_FP_FROM_CFA (-16)

/* In a signal trampoline's frame rsp points at the ucontext; the kernel's struct sigcontext is at 40 in it. */
#define RSD_UCONTEXT_FP 120u
#define RSD_UCONTEXT_SP 160u
#define RSD_UCONTEXT_PC 168u

/* mov $__NR_rt_sigreturn, %rax; syscall */
#define RSD_SIGRETURN_CODE "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05"
#define RSD_SIGRETURN_SIZE 9u

/* Relocations of a slot that holds the address of an imported function. */
#define RSD_RELOCATION_LAZY R_X86_64_JUMP_SLOT
#define RSD_RELOCATION_AT_ONCE R_X86_64_GLOB_DAT

#endif
