/* What the C sources need of the standard library: two functions, which native/web.c has. */
#ifndef ROUNDEL_STRING_H
#define ROUNDEL_STRING_H

#include <stddef.h>

void *memset(void *to, int byte, size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t n);

#endif
