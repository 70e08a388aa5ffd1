/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash for tables. Without the key nobody can
 * choose inputs that fall into one place.
 */
#ifndef BJ_BASE_SIPHASH_H
#define BJ_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t bj_siphash(const uint8_t key[16], const void *data, size_t length);

#endif
