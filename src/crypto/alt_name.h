/*
 * crypto/alt_name.h: whom a certificate is for: what a name may look like.
 */
#ifndef SECRETS_CRYPTO_ALT_NAME_H
#define SECRETS_CRYPTO_ALT_NAME_H

#include "crypto/crypto.h"

#define COMMON_NAME_MAX	64		/* X.520's upper bound */
#define DNS_NAME_MAX	253

/* A name in the DNS, or an address. */
typedef struct AltName
{
	bool		is_address;
	uint8_t		bytes[DNS_NAME_MAX];	/* of an address 4 or 16, in the network's order */
	size_t		len;
} AltName;

/*
 * An address as inet_pton() reads it, or a name: labels of letters, digits, "-"
 * and "_", of which the first may be "*" and the last is no number.  False: it
 * is neither.
 */
extern bool alt_name_parse(const char *text, AltName *name);

/* Printable ASCII; some of it, and no more than max. */
extern bool is_printable_line(const char *text, size_t max);

#endif
