"""What do other ways to judge labels reach on the same masks?"""
