/*
 * mask_driver.c: the masker over a pipe, for mask_differential_test.py.
 *
 * A request is "sql J N" or "params N V L": J is a judgement, N and V are bits of
 * parameters, the last number is the length of the text, which follows after a line
 * end.  The answer is what was judged, and which parameters of the text, and of the
 * masked one, are names and values; a line end; and the masked text.
 */
#include "redact/mask.h"

#include "check.h"

static const MaskWord words[] = {{"put", MASK_CALL}, {"inbox", MASK_RELATION}, {"keep_it", MASK_ANYWHERE}};

static char *
read_text(size_t len)
{
	char	   *text = malloc(len > 0 ? len : 1);

	if (text == NULL || fread(text, 1, len, stdin) != len)
		abort();
	return text;
}

static void
answer(const char *text, size_t len, MaskJudgement judgement, MaskParams before, MaskParams after)
{
	printf("%d %llu %llu %llu %llu\n", (int) judgement,
		   (unsigned long long) before.names, (unsigned long long) before.values,
		   (unsigned long long) after.names, (unsigned long long) after.values);
	fwrite(text, 1, len, stdout);
	fflush(stdout);
}

int
main(void)
{
	MaskIndex	index = mask_index(words, lengthof(words));
	MaskWords	known = {.words = words, .nwords = lengthof(words), .index = &index};
	char		word[7];
	unsigned long long first;

	while (scanf("%6s %llu", word, &first) == 2)
	{
		unsigned long long second;
		size_t		len;
		MaskParams	none = {0, 0};
		char	   *text;

		if (strcmp(word, "params") == 0 && scanf("%llu %zu", &second, &len) == 2 && getchar() == '\n')
		{
			MaskParams	params = {first, second};

			text = read_text(len);
			(void) mask_params(text, len, &params);
			answer(text, len, MASK_NOTHING, none, none);
		}
		else if (scanf("%zu", &len) == 1 && getchar() == '\n')
		{
			MaskJudgement judgement;
			MaskParams	before;

			text = read_text(len);
			judgement = mask_judge(text, len, &known);
			before = mask_find_params(text, len, &known);
			(void) mask_sql(text, len, &known, (MaskJudgement) first);
			answer(text, len, judgement, before, mask_find_params(text, len, &known));
		}
		else
			abort();
		free(text);
	}
	return 0;
}
