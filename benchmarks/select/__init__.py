"""Is the right thing looked at first, and is it known what looking costs?"""
