/* SipHash-2-4. */
#include "base/siphash.h"

static uint64_t rotate(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static uint64_t read_le(const uint8_t *at, size_t length)
{
    uint64_t value = 0;

    while (length-- > 0)
        value = value << 8 | at[length];
    return value;
}

static void rounds(uint64_t v[4], int count)
{
    while (count-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

uint64_t bj_siphash(const uint8_t key[16], const void *data, size_t length)
{
    const uint8_t *at = data;
    uint64_t k0 = read_le(key, 8), k1 = read_le(key + 8, 8), word;
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};

    for (size_t left = length; left >= 8; left -= 8, at += 8) {
        word = read_le(at, 8);
        v[3] ^= word;
        rounds(v, 2);
        v[0] ^= word;
    }
    word = read_le(at, length % 8) | (uint64_t)length << 56;
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
