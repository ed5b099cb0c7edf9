/*
 * gcm_driver.c: AES-256-GCM vectors through the code that seals boxes.
 *
 * XAES-256-GCM is AES-256-GCM under a derived key.  Here the derivation alone
 * is replaced, by the key of the vector, so that what is judged is not
 * libcrypto but our own way of driving it.
 *
 * Reads lines "valid|invalid key iv aad ciphertext tag plaintext", hex or "-"
 * for empty, from standard input; prints the number of each line that does not
 * come out as it says.
 */
#include "crypto/codec.h"
#include "crypto/xaes.h"

#include "check.h"

#include <openssl/evp.h>

#define MAX_BYTES 65536

extern int	__real_EVP_EncryptUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl,
									 const unsigned char *in, int inl);
extern int	__wrap_EVP_EncryptUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl,
									 const unsigned char *in, int inl);

static uint8_t vector_key[CRYPTO_KEY_LEN];
static int	keys_replaced;

/* xaes.c derives with this function, and encrypts messages with another. */
int
__wrap_EVP_EncryptUpdate(EVP_CIPHER_CTX *ctx, unsigned char *out, int *outl, const unsigned char *in, int inl)
{
	if (inl != CRYPTO_KEY_LEN)
		return __real_EVP_EncryptUpdate(ctx, out, outl, in, inl);
	memcpy(out, vector_key, CRYPTO_KEY_LEN);
	*outl = CRYPTO_KEY_LEN;
	keys_replaced++;
	return 1;
}

typedef struct Field
{
	uint8_t    *data;
	size_t		len;
} Field;

static Field
read_field(char **line)
{
	char	   *text = strsep(line, " \n");
	Field		field = {NULL, 0};

	if (text == NULL)
		abort();
	if (strcmp(text, "-") != 0)
		field.len = strlen(text) / 2;
	field.data = malloc(field.len > 0 ? field.len : 1);
	if (field.len > 0 && !codec_from_hex(text, 2 * field.len, field.data))
		abort();
	return field;
}

enum
{
	KEY, IV, AAD, SEALED, TAG, PLAIN, NFIELDS
};

static bool
comes_out(bool valid, const Field *f)
{
	uint8_t		zero[CRYPTO_KEY_LEN] = {0};
	uint8_t		nonce[XAES_NONCE_LEN] = {0};
	uint8_t		tag[XAES_TAG_LEN];
	uint8_t    *out = malloc(f[SEALED].len > 0 ? f[SEALED].len : 1);
	Bytes		aad = {f[AAD].data, f[AAD].len};
	XaesKey    *key = xaes_new(zero);
	bool		right;

	memcpy(vector_key, f[KEY].data, sizeof(vector_key));
	memcpy(nonce + 12, f[IV].data, 12);
	if (valid)
		right = f[PLAIN].len == f[SEALED].len
			&& xaes_open(key, nonce, &aad, 1, f[SEALED].data, f[SEALED].len, f[TAG].data, out) == CRYPTO_OK
			&& memcmp(out, f[PLAIN].data, f[PLAIN].len) == 0
			&& xaes_seal(key, nonce, &aad, 1, f[PLAIN].data, f[PLAIN].len, out, tag) == CRYPTO_OK
			&& memcmp(out, f[SEALED].data, f[SEALED].len) == 0
			&& memcmp(tag, f[TAG].data, sizeof(tag)) == 0;
	else
		right = xaes_open(key, nonce, &aad, 1, f[SEALED].data, f[SEALED].len, f[TAG].data, out)
			== CRYPTO_MISMATCH
			&& all_bytes(out, f[SEALED].len, 0);
	xaes_free(key);
	free(out);
	return right;
}

int
main(void)
{
	static char buffer[8 * MAX_BYTES];

	for (int number = 1; fgets(buffer, sizeof(buffer), stdin) != NULL; number++)
	{
		char	   *line = buffer;
		bool		valid = strcmp(strsep(&line, " "), "valid") == 0;
		int			replaced_before = keys_replaced;
		Field		f[NFIELDS];

		for (int i = 0; i < NFIELDS; i++)
			f[i] = read_field(&line);
		if (f[KEY].len != CRYPTO_KEY_LEN || f[IV].len != 12 || f[TAG].len != XAES_TAG_LEN)
			abort();
		if (!comes_out(valid, f) || keys_replaced != replaced_before + (valid ? 2 : 1))
			printf("%d\n", number);
		for (int i = 0; i < NFIELDS; i++)
			free(f[i].data);
	}
	return 0;
}
