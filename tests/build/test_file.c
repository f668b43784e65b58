// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A file that is whole or not there (libs/vm/vm_file.c), on file systems with files without a name and on those without: kept,
 * given up, its maker killed. What could be wrong: half a file under the name, the old one lost, something left for good, another's
 * work removed.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const int nameless = O_TMPFILE;
static bool named;	/* as if the file system had no files without a name: open() then fails */
#undef O_TMPFILE
#define O_TMPFILE (named ? O_DIRECTORY : nameless)
#include "../../libs/vm/vm_file.c"

static char folder[] = "/tmp/anel-file-XXXXXX", path[64];

static unsigned files(void)
{
	glob_t found = { 0 };
	char pattern[64];
	unsigned n;

	snprintf(pattern, sizeof(pattern), "%s/*", folder);
	n = glob(pattern, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
	globfree(&found);
	return n;
}

static void holds(const char *want)
{
	char text[32] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	fclose(f);
	assert_string_equal(text, want);
}

static void begin(struct vm_file *f, const char *text)
{
	struct why why = { "" };

	if (vm_file_begin(f, path, &why))
		fail_msg("%s", why.text);
	assert_int_equal(write(f->fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void make(const char *text)
{
	struct vm_file f;
	struct why why = { "" };
	struct stat st;

	begin(&f, text);
	assert_int_equal(files(), (named ? 1 : 0) + (access(path, F_OK) == 0));
	if (vm_file_keep(&f, &why))
		fail_msg("%s", why.text);
	vm_file_end(&f);
	holds(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(files(), 1);
}

static void kept(void **state)
{
	struct vm_file f;

	for (int k = 0; k < 2; k++) {
		named = k;
		make("one");
		make("two");
		begin(&f, "three");
		vm_file_end(&f);
		holds("two");
		assert_int_equal(files(), 1);
		unlink(path);
	}
}

static void killed_maker(const char *text)
{
	struct vm_file f;
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		begin(&f, text);
		raise(SIGKILL);
	}
	waitpid(pid, &status, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void killed(void **state)
{
	struct vm_file one, two;

	named = false;
	make("old");
	killed_maker("half");
	holds("old");
	assert_int_equal(files(), 1);
	named = true;
	killed_maker("half");
	assert_int_equal(files(), 2);
	begin(&one, "new");	/* takes away what was left */
	assert_int_equal(files(), 2);
	begin(&two, "newer");	/* and not what somebody is making */
	assert_int_equal(files(), 3);
	assert_int_equal(vm_file_keep(&one, &(struct why){ "" }), 0);
	vm_file_end(&one);
	holds("new");
	vm_file_end(&two);
	assert_int_equal(files(), 1);
	unlink(path);
}

static void others(void **state)
{
	struct vm_file f;
	struct why why = { "" };
	char other[80];
	int ends[2];

	named = true;
	snprintf(other, sizeof(other), "%s.anel-backup1", path);
	close(open(other, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(pipe(ends), 0);
	begin(&f, "mine");
	vm_file_end(&f);
	assert_int_equal(access(other, F_OK), 0);
	unlink(other);
	/* What is no file is written to as it is. */
	snprintf(path, sizeof(path), "/dev/fd/%d", ends[1]);
	begin(&f, "x");
	assert_int_equal(vm_file_keep(&f, &why), 0);
	vm_file_end(&f);
	assert_int_equal(read(ends[0], other, sizeof(other)), 1);
	snprintf(path, sizeof(path), "%s/none/such", folder);
	assert_int_equal(vm_file_begin(&f, path, &why), -ENOENT);
	assert_non_null(strstr(why.text, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(kept), cmocka_unit_test(killed), cmocka_unit_test(others) };
	int failed;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/it [*]", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(folder) || failed;
}
