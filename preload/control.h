/*
 * What somebody asks of a running program, through its trace directory. See control.c.
 */
#ifndef RSD_CONTROL_H
#define RSD_CONTROL_H

/* Do what has been asked for since the last call; from the helper. */
void rsd_control_poll(void);

#endif
