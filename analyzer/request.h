/* Requests to the recorder of a running process: mark, start, stop. See request.c. */
#ifndef RSD_REQUEST_H
#define RSD_REQUEST_H

/* Ask the process that `which` means, a pid or a trace directory, for `request`; `text` goes with it. Returns when it has
 * been done: RSD_OK, or RSD_FAILED with a message. */
int rsd_request(const char *request, const char *which, const char *text);

#endif
