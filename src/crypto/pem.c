/*
 * crypto/pem.c
 *
 * libcrypto writes PEM through buffers of its own; here the only copy is the
 * caller's.
 */
#include "crypto/pem.h"

#include <openssl/evp.h>
#include <string.h>

#define COLUMNS			64
#define OPENSSH_COLUMNS	70
#define ONE_LINE		0

bool
text_append(PemText *text, const char *word, size_t len)
{
	if (len > text->room - text->len)
		return false;
	memcpy(text->data + text->len, word, len);
	text->len += len;
	return true;
}

static bool
append_base64(PemText *text, const uint8_t *in, size_t len, size_t columns)
{
	char		four[5];		/* with a zero byte */
	size_t		column = 0;
	bool		ok = true;

	for (size_t i = 0; ok && i < len; i += 3)
	{
		(void) EVP_EncodeBlock((unsigned char *) four, in + i, len - i < 3 ? (int) (len - i) : 3);
		for (int j = 0; ok && j < 4; j++)
		{
			if (columns != ONE_LINE && column == columns)
			{
				ok = text_append(text, "\n", 1);
				column = 0;
			}
			ok = ok && text_append(text, &four[j], 1);
			column++;
		}
	}
	crypto_wipe(four, sizeof(four));
	return ok;
}

bool
text_append_base64(PemText *text, const uint8_t *in, size_t len)
{
	return append_base64(text, in, len, ONE_LINE);
}

static bool
append_words(PemText *text, const char *before, const char *label, const char *after)
{
	return text_append(text, before, strlen(before))
		&& text_append(text, label, strlen(label))
		&& text_append(text, after, strlen(after));
}

static bool
append_lines(PemText *text, const char *label, const uint8_t *in, size_t len, size_t columns)
{
	return append_words(text, "-----BEGIN ", label, "-----\n")
		&& append_base64(text, in, len, columns)
		&& append_words(text, "\n-----END ", label, "-----\n");
}

bool
pem_append(PemText *text, const char *label, const uint8_t *der, size_t len)
{
	return append_lines(text, label, der, len, COLUMNS);
}

bool
pem_append_openssh(PemText *text, const char *label, const uint8_t *in, size_t len)
{
	return append_lines(text, label, in, len, OPENSSH_COLUMNS);
}

void
text_wipe(PemText *text)
{
	crypto_wipe(text->data, text->len);
	text->len = 0;
}

/* ---- reading ---- */

static const char *
find(const char *at, const char *end, const char *words, size_t len)
{
	return memmem(at, (size_t) (end - at), words, len);
}

/* At the beginning of a line. */
static const char *
find_line(const char *start, const char *end, const char *words)
{
	for (const char *at = start; (at = find(at, end, words, strlen(words))) != NULL; at++)
		if (at == start || at[-1] == '\n' || at[-1] == '\r')
			return at;
	return NULL;
}

bool
pem_next(const char **at, const char *end, PemBlock *block, bool *broken)
{
	static const char begin[] = "-----BEGIN ";
	static const char finish[] = "-----END ";
	static const char dashes[] = "-----";
	const char *start = find_line(*at, end, begin);
	const char *label_end;
	const char *tail;
	size_t		tail_len;

	*broken = start != NULL;
	if (start == NULL)
		return false;
	block->label = start + strlen(begin);
	label_end = find(block->label, end, dashes, strlen(dashes));
	if (label_end == NULL || memchr(block->label, '\n', (size_t) (label_end - block->label)))
		return false;
	block->label_len = (size_t) (label_end - block->label);
	block->inside = label_end + strlen(dashes);
	tail = find_line(block->inside, end, finish);
	tail_len = strlen(finish) + block->label_len + strlen(dashes);
	if (tail == NULL || (size_t) (end - tail) < tail_len
		|| memcmp(tail + strlen(finish), block->label, block->label_len) != 0
		|| memcmp(tail + tail_len - strlen(dashes), dashes, strlen(dashes)) != 0)
		return false;
	block->inside_len = (size_t) (tail - block->inside);
	block->whole = start;
	block->whole_len = (size_t) (tail + tail_len - start);
	*at = tail + tail_len;
	*broken = false;
	return true;
}

bool
pem_is(const PemBlock *block, const char *label)
{
	return block->label_len == strlen(label) && memcmp(block->label, label, block->label_len) == 0;
}
