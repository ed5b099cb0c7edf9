/*
 * keyring/keyfile.c
 */
#include "keyring/keyfile.h"
#include "crypto/codec.h"

bool
keyfile_parse(const char *text, size_t len, uint8_t key[CRYPTO_KEY_LEN])
{
	if (len > 0 && text[len - 1] == '\n')
	{
		len--;
		if (len > 0 && text[len - 1] == '\r')
			len--;
	}
	if (len == 2 * CRYPTO_KEY_LEN && codec_from_hex(text, len, key))
		return true;
	if (base64_decode_key(text, len, key))
		return true;
	crypto_wipe(key, CRYPTO_KEY_LEN);
	return false;
}
