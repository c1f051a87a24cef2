/*
 * The registers of the function that called the one in which this stands, as they are right after its return.
 */
#ifndef RSD_CALLER_H
#define RSD_CALLER_H

#include "unwind/unwind.h"

#define CALLER()                                                                                                       \
    (&(struct rsd_registers){(uintptr_t)__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0) + 16,       \
                             *(const uintptr_t *)__builtin_frame_address(0)})

#endif
