/*
 * crypto/certificate.h: X.509 certificates with the keys they are for, signed by
 * themselves or by a CA.
 */
#ifndef SECRETS_CRYPTO_CERTIFICATE_H
#define SECRETS_CRYPTO_CERTIFICATE_H

#include "crypto/alt_name.h"
#include "crypto/crypto.h"
#include "crypto/keypair.h"
#include "crypto/pem.h"

/* How many certificates a CA may bring along: its own, and of those above it. */
#define CERTIFICATE_CHAIN_MAX 8

typedef struct CertificateRequest
{
	KeyAlgorithm algorithm;
	const char *common_name;	/* is_printable_line() */
	const AltName *alt_names;
	int			nalt_names;
	bool		is_ca;
	int			days;
	int64_t		now;			/* in seconds since 1970 */
	const char *ca;				/* PEM: the CA's key and certificate, and those above it; NULL: it signs itself */
	size_t		ca_len;
} CertificateRequest;

typedef enum CertificateResult
{
	CERTIFICATE_OK = 0,
	CERTIFICATE_NOT_PEM,		/* the CA is no key and certificate that belong together */
	CERTIFICATE_NOT_CA,			/* it must not sign certificates, or none of a CA */
	CERTIFICATE_CA_EXPIRED,		/* or it is not valid yet */
	CERTIFICATE_BROKEN			/* libcrypto refused, or was interrupted */
} CertificateResult;

/* How much room either text may take. */
extern size_t certificate_room(const CertificateRequest *request);

/*
 * A new key and its certificate: together, with what the CA brings along behind
 * them, and the certificate alone.  It is valid from a few minutes ago to *until,
 * which is not later than the CA's own end.  Unless it returns CERTIFICATE_OK
 * nothing is left in either text.
 */
extern CertificateResult certificate_generate(const CertificateRequest *request,
											  PemText *with_key, PemText *certificate, int64_t *until);

#endif
