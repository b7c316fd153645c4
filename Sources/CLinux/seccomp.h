#pragma once
// Installs the filter of a build step on the calling thread. 0, or -1 with errno.
int hutch_install_step_filter(void);
