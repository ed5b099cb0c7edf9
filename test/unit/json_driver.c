/*
 * json_driver.c: the JSON functions over a pipe, for json_differential_test.py.
 *
 * A request is "check N M", "field N M" or "merge N M", a line end, and then
 * the N and M bytes of its texts.  The answer is the result's number, the
 * length of the output, a line end, and the output.  Outputs are allocated as
 * small as json.h promises to be enough.
 */
#include "kv/json.h"

#include "check.h"

static JsonText
read_text(size_t len)
{
	char	   *data = malloc(len > 0 ? len : 1);

	if (data == NULL || fread(data, 1, len, stdin) != len)
		abort();
	return (JsonText) {data, len};
}

int
main(void)
{
	char		word[6];
	size_t		first_len;
	size_t		second_len;

	while (scanf("%5s %zu %zu", word, &first_len, &second_len) == 3 && getchar() == '\n')
	{
		JsonText	first = read_text(first_len);
		JsonText	second = read_text(second_len);
		size_t		room = strcmp(word, "merge") == 0 ? first_len + second_len + 8 : first_len;
		char	   *out = malloc(room > 0 ? room : 1);
		size_t		len = 0;
		JsonResult	result;

		if (strcmp(word, "check") == 0)
			result = json_check_object(first);
		else if (strcmp(word, "field") == 0)
			result = json_get_field(first, second, out, &len);
		else
			result = json_merge_patch(first, second, out, &len);
		if (result != JSON_OK)
			len = 0;
		printf("%d %zu\n", (int) result, len);
		fwrite(out, 1, len, stdout);
		fflush(stdout);
		free((char *) first.data);
		free((char *) second.data);
		free(out);
	}
	return 0;
}
