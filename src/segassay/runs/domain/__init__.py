"""What a run finds out about its data set first: is it like what the judge knows?"""
