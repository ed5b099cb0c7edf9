/*
 * redact/sip.h: SipHash-1-3, a keyed hash of few bytes.  Plain C.
 *
 * Without the key it tells nothing; with it, nothing but whether a guess is right.
 */
#ifndef SECRETS_REDACT_SIP_H
#define SECRETS_REDACT_SIP_H

#include <stddef.h>
#include <stdint.h>

#define SIP_KEY_LEN 16

typedef struct SipKey
{
	uint64_t	halves[2];
} SipKey;

extern SipKey sip_key(const uint8_t bytes[SIP_KEY_LEN]);
extern uint64_t sip_hash(const SipKey *key, const uint8_t *bytes, size_t len);

#endif
