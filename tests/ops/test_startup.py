"""What the process gives itself before it serves anybody."""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from edgeproxy.ops.startup import raise_descriptor_limit


class DescriptorTests(SynchronousTestCase):
    def test_as_many_descriptors_as_are_allowed(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
        for _ in range(2):
            raise_descriptor_limit()
            self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE), (hard, hard))
