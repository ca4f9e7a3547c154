"""Do labels of some groups of patients score lower than others?"""
