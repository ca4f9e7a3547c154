"""What does each part of the judge's design add, and what does it cost?"""
