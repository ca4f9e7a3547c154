"""What do audits of whole data sets find, and what do they call wrong that is right?"""
