/*
 * crypto/keypair.h: key pairs, and their two halves as text.
 */
#ifndef SECRETS_CRYPTO_KEYPAIR_H
#define SECRETS_CRYPTO_KEYPAIR_H

#include "crypto/crypto.h"
#include "crypto/pem.h"

typedef enum KeyAlgorithm
{
	KEY_ED25519,
	KEY_ECDSA_P256,
	KEY_RSA_2048,
	KEY_RSA_3072,
	KEY_RSA_4096
} KeyAlgorithm;

/* "ed25519", "ecdsa_p256" or "p256", "rsa_2048", "rsa_3072" or "rsa", "rsa_4096"; false: none of them. */
extern bool key_algorithm_find(const char *name, KeyAlgorithm *algorithm);

/* Room for either half, of any algorithm. */
#define KEY_PEM_ROOM 4096

/*
 * A new pair: the private half as PKCS#8, the public one as SubjectPublicKeyInfo,
 * both PEM.  Unless it returns CRYPTO_OK nothing is left in either.
 */
extern CryptoResult keypair_generate(KeyAlgorithm algorithm, PemText *private_half, PemText *public_half);

/*
 * Asked again and again while a large key is looked for, which can take
 * seconds; true: give up, and return CRYPTO_BROKEN.  NULL: never.
 */
extern bool (*keypair_interrupted) (void);

/* ---- for this room ---- */

#define ED25519_LEN 32			/* of a seed, and of a public key */

typedef struct Keypair Keypair;

/* NULL: libcrypto refused, or was interrupted. */
extern Keypair *keypair_new(KeyAlgorithm algorithm);

/* The one that RFC 8032 makes of this seed. */
extern Keypair *keypair_of_seed(const uint8_t seed[ED25519_LEN]);

/* Wipes. */
extern void keypair_free(Keypair *pair);

/* As libcrypto has it; it goes with the pair. */
extern struct evp_pkey_st *keypair_key(const Keypair *pair);

extern bool keypair_append_private(const Keypair *pair, PemText *text);

#endif
